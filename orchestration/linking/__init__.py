"""Who is who: source ids that are one human, told night by night before the warehouse is built."""

from orchestration.linking.linker import FIRST, TABLE, Linked, link_persons, no_links

__all__ = ["FIRST", "TABLE", "Linked", "link_persons", "no_links"]
