"""Each cell of a table names its column, for screens on which a row is a card."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from api.kit.cell_labels import label_cells

PAGE = """
<table class="decision">
  <thead><tr><th scope="col">Rule</th><th scope="col"><a href="?sort=a">spent &lt; "9"</a> <code>a</code></th>
    <th scope="col">Tier</th></tr></thead>
  <tbody>
    <tr><th scope="row">big</th><td class="figure"> 10 </td><td> </td></tr>
    <tr class="gone"><th scope="row">&lt;td&gt;</th><td colspan="2">none</td></tr>
    <tr><td>first</td><td>second</td><td>third</td><td>without a title</td></tr>
  </tbody>
</table><table><tr><td>no titles</td></tr></table>"""


def test_a_cell_has_the_title_of_its_column_unless_it_is_joined() -> None:
    tree = LexborHTMLParser(label_cells(PAGE))
    rows = [[each.attributes.get("data-label") for each in row.css("td")] for row in tree.css("tbody tr")]
    spent = 'spent < "9" a'
    assert rows == [[spent, "Tier"], [None], ["Rule", spent, "Tier", None], [None]]
    assert tree.css("td.figure")[0].attributes["data-label"] == spent
    assert tree.css("td")[1].text() == "", "so that the style sheet finds it empty"


def test_nothing_else_of_a_page_changes() -> None:
    plain = PAGE.replace("<td> </td>", "<td></td>")
    labelled = label_cells(PAGE)
    assert LexborHTMLParser(labelled).text() == LexborHTMLParser(plain).text()
    assert label_cells("<p>&lt;table&gt;</p>") == "<p>&lt;table&gt;</p>"
