"""The faults that a night must survive: what is expected of each, and the tests that injure it."""

from dataclasses import dataclass

KILLED = "faults/test_killed.py"
AT_ONCE = "faults/test_at_once.py"
LEFT = "faults/test_left_behind.py"
SERVING = "test_serving.py"
SERVICES = "faults/test_services.py"
WHOLE = "faults/test_whole_nights.py"


@dataclass(frozen=True)
class Fault:
    """What happens to a night, what must come of it, and by which tests one knows."""

    number: int
    title: str
    expected: str
    tests: tuple[str, ...]  # below tests/


FAULTS = (
    Fault(
        1,
        "SIGKILL at each named step and at random moments",
        "the next night makes what an unhurt one makes",
        (
            f"{KILLED}::test_a_night_killed_at_a_step_is_mended_by_the_next",
            f"{KILLED}::test_nights_killed_at_a_few_random_moments_are_mended_by_the_next",
            f"{KILLED}::test_nights_killed_at_random_moments_are_mended_by_the_next",
            f"{WHOLE}::test_a_whole_night_killed_at_a_step_is_mended_by_the_next",
            f"{WHOLE}::test_whole_nights_killed_at_random_moments_are_mended_by_the_next",
            "test_night.py::test_a_killed_night_changes_nothing",
            "test_night.py::test_the_night_after_a_killed_one_makes_the_same_rows",
            "test_landing.py::test_a_night_killed_at_any_step_leaves_nothing_that_the_next_one_trips_over",
            f"{SERVING}::test_a_killed_process_leaves_nothing_that_the_next_one_does_not_clear",
            "test_live_postgres.py::test_a_night_killed_before_the_cursor_moved_fetches_the_same_file_again",
        ),
    ),
    Fault(
        2,
        "scheduler, daemon or process group killed",
        "runs without a living process are marked failed, the lock is free, the next one runs",
        (
            "test_night.py::test_what_a_killed_night_left_is_swept_and_written_down",
            f"{KILLED}::test_a_killed_night_frees_the_lock_at_once",
            f"{KILLED}::test_dbt_ends_with_the_night_that_started_it",
            f"{KILLED}::test_what_waits_to_be_told_what_dbt_shall_run_ends_where_nobody_does",
            f"{AT_ONCE}::test_a_night_waits_for_the_one_before_it_that_is_then_killed",
            f"{SERVICES}::test_pages_and_daemon_on_postgresql_killed_in_a_night_go_on_with_the_next",
        ),
    ),
    Fault(
        3,
        "disk full",
        "says which path; no partial file under a final name",
        (
            "faults/test_full_disk.py::test_a_disk_that_is_full_is_named_with_the_path",
            "faults/test_full_disk.py::test_a_disk_that_fills_up_at_any_moment",
            f"{WHOLE}::test_a_whole_night_on_a_full_disk_names_the_path",
            "test_landing.py::test_a_full_disk_names_the_path_and_leaves_no_file_under_its_final_name",
            "test_publishing.py::test_a_failure_while_writing_leaves_the_current_version_byte_for_byte",
        ),
    ),
    Fault(
        4,
        "memory limit reached",
        "spills to the temp folder, or fails naming the model or file",
        (
            "faults/test_memory.py::test_a_model_over_the_memory_limit_is_named",
            "faults/test_memory.py::test_a_file_over_the_memory_limit_is_named_or_lands",
            f"{KILLED}::test_dbt_that_was_killed_names_what_it_was_building",
            f"{WHOLE}::test_dbt_killed_in_the_middle_of_a_night_stops_it_naming_the_model",
            "test_live_postgres.py::test_many_rows_take_little_memory",
        ),
    ),
    Fault(
        5,
        "CSV cut in a row or quote, corrupt Parquet or gzip, zip bomb, 100 MB on one line",
        "rejected with line or byte; the other files load",
        (
            "test_landing.py::test_a_file_that_cannot_be_read_is_rejected_and_the_others_load",
            "test_spoiled.py::test_a_broken_archive",
            "test_fuzz.py::test_a_line_of_100_mb_is_rejected_by_its_place",
            "test_fuzz.py::test_damage_at_random_loses_and_changes_no_row_in_silence",
            "test_fuzz.py::test_much_damage_at_random_loses_and_changes_no_row_in_silence",
        ),
    ),
    Fault(
        6,
        "the same file again, under the same or another name",
        "no new rows",
        (
            "test_landing.py::test_the_same_content_is_not_loaded_again_under_any_name",
            "test_night.py::test_a_night_without_news_leaves_what_is_published_as_it_is_and_is_written_down",
        ),
    ),
    Fault(
        7,
        "the same name with new content",
        "the new content supersedes, the old stays on record",
        (
            "test_landing.py::test_new_content_under_an_old_name_supersedes_and_the_old_stays_on_record",
        ),
    ),
    Fault(
        8,
        "duplicates and conflicting duplicates, in any order",
        "one winner whatever the order; counted",
        (
            "test_fuzz.py::test_of_conflicting_rows_one_wins_whatever_the_order",
            "test_spoiled.py::test_what_is_only_untidy_is_taken_in",
        ),
    ),
    Fault(
        9,
        "rows 1, 30 and 400 days late; days out of order",
        "equals a full rebuild",
        (
            "test_as_of.py::test_nothing_after_the_date_changes_a_mart_and_late_rows_count",
            "test_kept.py::test_late_rows_touch_those_who_ordered",
            "test_kept.py::test_random_deliveries_in_any_order",
        ),
    ),
    Fault(
        10,
        "a full export that lost 60 % of its rows, or 1 %",
        "stops the night; closes the missing rows",
        (
            "test_landing.py::test_a_shrunken_full_export_stops_the_night",
            "test_spoiled.py::test_a_full_export_that_shrank",
            "test_full_exports.py::test_whom_a_full_export_lacks_remains_a_person",
        ),
    ),
    Fault(
        11,
        "a column added, dropped, renamed, retyped",
        "loads and says so; without a required one rejected by name; bad values quarantined",
        (
            "test_drift.py::test_a_new_column_is_kept_in_raw_or_taken_in",
            "test_drift.py::test_a_missing_column_is_null_with_what_it_had_before",
            "test_drift.py::test_a_missing_column_that_is_needed_rejects_the_file",
            "test_drift.py::test_a_renamed_column_is_told_by_its_name_or_its_place",
            "test_drift.py::test_a_column_whose_values_stop_parsing_is_retyped",
            "test_spoiled.py::test_a_missing_required_column",
        ),
    ),
    Fault(
        12,
        "missing file, 0-byte file, header only",
        "freshness alarm; rejected; loads as empty; none of them a figure of 0",
        (
            "test_night.py::test_a_feed_that_came_every_day_and_is_missing_is_an_alarm",
            "test_spoiled.py::test_an_empty_file",
            "test_landing.py::test_missing_file_empty_file_and_header_only_are_three_things",
            "test_hand_worked_rows.py::test_what_arrived_is_told_apart",
            "test_hand_worked_rows.py::test_a_figure_of_a_feed_without_a_row_is_unknown_and_not_0",
        ),
    ),
    Fault(
        13,
        "10 × and 0.1 × the usual volume",
        "a warning beside the result",
        ("test_landing.py::test_columns_that_come_and_go_and_unusual_volumes_are_told",),
    ),
    Fault(
        14,
        "encodings, byte order marks, line ends, NUL, emoji, delimiters, ragged rows",
        "decoded as configured, else rejected with the place",
        (
            "test_landing.py::test_text_files_of_every_form_are_read",
            "test_landing.py::test_a_line_that_is_no_row_is_quarantined_with_its_place_and_the_others_load",
            "test_fuzz.py::test_no_good_row_is_lost_or_changed",
            "test_fuzz.py::test_no_bad_row_is_let_in",
            "test_fuzz.py::test_the_reasons_and_places_are_right",
        ),
    ),
    Fault(
        15,
        "days of 23 and 25 hours, JST against UTC, month end, 29 February",
        "every event in exactly one business date; sums agree",
        (
            "test_companies.py::test_every_figure_is_that_worked_out_by_hand",
            "test_companies.py::test_the_hour_told_twice_is_in_order_by_its_offset",
            "test_companies.py::test_an_order_of_the_day_after_the_last_is_not_there_yet",
        ),
    ),
    Fault(
        16,
        "events of the future; a night for an old day; the clock set back",
        "quarantined; ignored and not quarantined; no effect",
        (
            "test_spoiled.py::test_events_from_the_future_over_the_ceiling",
            "test_night.py::test_a_night_for_an_earlier_day_is_kept_aside_with_the_figures_of_then",
            "test_night.py::test_an_earlier_day_is_after_newer_nights_what_it_is_in_a_fresh_folder",
            "test_landing.py::test_deliveries_have_one_time_which_no_clock_gives",
            f"{LEFT}::test_a_clock_that_was_set_back_changes_nothing",
        ),
    ),
    Fault(
        17,
        "two runs at once",
        "one waits or names the other; never a torn result",
        (
            f"{AT_ONCE}::test_of_two_nights_one_waits_or_names_the_other",
            f"{AT_ONCE}::test_of_two_nights_one_waits_or_names_the_other_50_times",
            "test_night.py::test_another_night_is_named_and_nothing_is_touched",
        ),
    ),
    Fault(
        18,
        "a reader that stays for hours; 1,000 reads during publishing",
        "publishing succeeds; every read sees one whole version",
        (
            f"{AT_ONCE}::test_reads_while_nights_publish_each_see_one_whole_version",
            f"{AT_ONCE}::test_a_thousand_reads_while_nights_publish_each_see_one_whole_version",
            "test_publishing.py::test_a_reader_that_stays_neither_blocks_nor_is_blocked",
        ),
    ),
    Fault(
        19,
        "a typo or unknown key in configuration, a missing secret",
        "fails in under 5 seconds, before touching data, naming file and key",
        (
            "test_cli.py::test_a_typo_fails_in_no_time_and_touches_nothing",
            "test_cli.py::test_a_wrong_mapping_is_refused_before_anything_is_touched",
            "test_company.py::test_what_is_wrong_is_named_with_line_key_and_remedy",
            "test_live.py::test_a_missing_secret_stops_the_night_before_it_touches_anything",
        ),
    ),
    Fault(
        20,
        "a check that fails; a check that raises",
        "both keep the new version unpublished, and say which",
        (
            "test_spoiled.py::test_an_expectation_on_raw_that_raises",
            "test_spoiled.py::test_expectations_on_marts_that_fail_and_that_raise",
            "test_spoiled.py::test_implausible_exports_stop_every_night_until_they_are_mended",
        ),
    ),
    Fault(
        21,
        "PostgreSQL away before, during and after COMMIT; a reader holding a lock there",
        "files publish anyway; retried; one version visible; never hangs",
        (
            f"{SERVING}::test_a_server_that_is_away_costs_nothing_but_its_news",
            f"{SERVING}::test_a_night_whose_server_is_away_ends_well_and_says_so",
            f"{SERVING}::test_a_load_that_breaks_off_or_hangs_shows_what_was_there_before",
            f"{SERVING}::test_a_load_that_breaks_off_once_is_tried_again_in_the_same_night",
            f"{SERVING}::test_a_connection_that_is_lost_with_the_answer_to_the_commit_is_seen_to_have_done_it",
            f"{SERVING}::test_a_reader_that_stays_keeps_its_version_and_delays_nobody",
            f"{SERVING}::test_readers_of_thirty_swaps_see_one_whole_version_each_time",
        ),
    ),
    Fault(
        22,
        "three nights missed",
        "caught up once each",
        (
            "test_night.py::test_the_schedule_runs_every_missed_night_at_two_in_the_business_zone",
            f"{LEFT}::test_three_missed_nights_are_caught_up_once_each",
            f"{LEFT}::test_the_schedule_asks_for_the_nights_of_which_none_was_begun",
            f"{SERVICES}::test_a_daemon_that_was_down_for_three_nights_runs_each_once",
        ),
    ),
    Fault(
        23,
        "state left by an older release; code rolled back",
        "migrated or refused clearly; rollback moves the pointer",
        (
            f"{LEFT}::test_a_ledger_of_an_older_release_is_migrated",
            f"{LEFT}::test_of_a_newer_release_nothing_is_touched_and_the_pointer_still_moves",
            "test_publishing.py::test_rollback_moves_the_pointer_and_copies_nothing",
        ),
    ),
    Fault(
        24,
        "leftovers of a killed run",
        "swept at start, never read as data",
        (f"{LEFT}::test_what_killed_runs_left_is_swept_and_never_read",),
    ),
    Fault(
        25,
        "hostile names of files and columns; formulas in cells",
        "treated as text; nothing outside the data folder read or written",
        (
            "test_landing.py::test_a_link_out_of_landing_is_not_followed",
            "test_mapping.py::test_an_expression_can_neither_read_files_nor_the_machine",
            "test_mapping.py::test_even_sql_that_was_not_looked_at_finds_the_connection_locked",
            "test_live_drops.py::test_a_bucket_may_hold_keys_that_climb_out",
            "test_live_drops.py::test_a_bucket_may_hold_keys_that_no_disk_can",
            "test_hostile.py::test_hostile_names_are_text",
            "test_hostile.py::test_a_connection_reaches_only_what_it_was_made_for",
            "test_hostile.py::test_dbt_reaches_raw_and_its_own_folder_alone",
            "test_hostile.py::test_checks_read_what_they_judge_alone",
            "test_hostile.py::test_a_cell_is_no_formula",
            "test_hostile.py::test_rows_that_were_set_aside_come_as_text",
            "test_hostile.py::test_a_name_does_not_steer_the_terminal",
        ),
    ),
)
