"""survey_answers: answers of which most count."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("left out", "not is_counted", 95, of="left_out_because is distinct from 'no score'"),
    seldom(
        "an NPS answer that is not classed",
        "nps_class is null",
        1,
        of="question_code = 'nps' and is_counted",
    ),
    never("a detractor who scored nine", "nps_class = 'detractor' and score > 6"),
]
