"""What commands print for a person, where it differs from what they answer as JSON."""

from mmrec.queries import why


def test_a_long_attribute_is_cut_on_the_screen_and_whole_in_json(mmrec, built, monkeypatch):
    long, answered = "a plot " * 100, why.why

    def with_a_plot(*asked):
        answer = answered(*asked)
        answer["content"]["attributes"] = {"plot": long, "year": "1994"}
        return answer

    monkeypatch.setattr(why, "why", with_a_plot)
    asked = ("why", "--user", built.people[0])
    assert mmrec(built, *asked, "--json").json["content"]["attributes"]["plot"] == long
    shown = mmrec(built, *asked).out
    assert f"plot: {long[:199]}…\n" in shown
    assert "year: 1994\n" in shown
