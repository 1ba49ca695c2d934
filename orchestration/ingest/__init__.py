"""From a delivered file to raw Parquet: unpacked, read as text, mapped, typed, written."""
