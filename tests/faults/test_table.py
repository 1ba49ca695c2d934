"""The table of faults is whole: every fault has tests, and every test that it names is there."""

import ast

from faults.table import FAULTS

from orchestration.settings import ROOT


def test_every_fault_has_its_number_and_its_tests():
    assert [fault.number for fault in FAULTS] == list(range(1, 26))
    assert all(fault.tests for fault in FAULTS)


def test_every_test_that_is_named_is_there_and_named_once():
    named = [test for fault in FAULTS for test in fault.tests]
    assert len(named) == len(set(named))
    there = {
        f"{path.relative_to(ROOT / 'tests')}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    assert set(named) <= there, sorted(set(named) - there)


def test_every_test_of_a_fault_is_in_the_table():
    named = {test for fault in FAULTS for test in fault.tests}
    slow = {
        f"{path.relative_to(ROOT / 'tests')}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and any("mark.faults" in ast.unparse(one) for one in node.decorator_list)
    }
    assert slow <= named, sorted(slow - named)
