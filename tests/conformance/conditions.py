"""Writes random conditions: those of free rules, and the cells of decision tables."""

from __future__ import annotations

from collections.abc import Callable

from tests.conformance.expressions import COMPARATORS, UNITS, Known, Writer, group, quoted
from tests.conformance.vocabulary import TEXTS, Declared

SIZED = (*UNITS, "date", "duration")


class Author(Writer):
    """Writes conditions over declared facts."""

    def condition(self, depth: int, known: Known) -> str:
        """Something true or false."""
        rng, form = self.rng, self.rng.random()
        if depth <= 0 or form < 0.4:
            return rng.choice(_LEAVES)(self, known)
        if form < 0.85:
            return self.chain(depth, known)
        if form < 0.95:
            return f"not({self.condition(depth - 1, known)})"
        return f"({self.condition(depth - 1, known)}) {rng.choice(('=', '!='))} ({self.condition(depth - 1, known)})"

    def chain(self, depth: int, known: Known) -> str:
        """Several conditions joined by `and` or `or`, the first of which may ask for what the others use."""
        rng = self.rng
        word = rng.choice(("and", "or"))
        unasked = [fact.name for fact in self.facts if fact.optional and fact.name not in known]
        parts = []
        if len(unasked) > 1 and rng.random() < 0.15:
            question, answered = self.questions(unasked)
            parts.append(question)
            known = known | answered
        elif unasked and rng.random() < 0.7:
            request = rng.choice(unasked)
            parts.append(f"{request} is {'not ' if word == 'and' else ''}missing")
            known = known | {request}
        for _ in range(rng.choice((1, 2, 2, 3)) if parts else rng.choice((2, 2, 3))):
            part = self.condition(depth - 1, known)
            parts.append(f"({part})" if f" {'or' if word == 'and' else 'and'} " in part else part)
        return f" {word} ".join(parts)

    def questions(self, unasked: list[str]) -> tuple[str, Known]:
        """A question about two optional facts, and those that may be taken for known after it, rightly or not."""
        rng = self.rng
        one, other = rng.sample(unasked, 2)
        first, second = (f"{name} is {rng.choice(('', 'not '))}missing" for name in (one, other))
        ask = f"{first} {rng.choice(('and', 'or'))} {second}"
        return rng.choice((f"not({ask})", f"({ask})")), frozenset(rng.choice(((one,), (other,), (one, other))))

    # conditions that hold no other

    def comparison(self, known: Known) -> str:
        left, right = self.two(known, 2)
        return f"{left} {self.rng.choice(COMPARATORS)} {right}"

    def two(self, known: Known, depth: int) -> tuple[str, str]:
        """Two quantities of one unit, the left one mostly a fact's."""
        unit = self.sized(known)
        left = self.fact(unit, known)
        first = left.name if left and self.rng.random() < 0.6 else self.quantity(unit, depth, known)
        return first, self.quantity(unit, self.rng.randrange(depth + 1), known)

    def sized(self, known: Known) -> str:
        """A unit that a fact has, if there is one."""
        units = [unit for unit in SIZED if self.usable(unit, known)]
        return self.rng.choice(units) if units else self.rng.choice(("number", "date", "duration"))

    def simple(self, known: Known) -> str:
        """A fact against a number, date or duration."""
        unit = self.sized(known)
        fact = self.fact(unit, known)
        left = fact.name if fact else self.quantity(unit, 0, known)
        return f"{left} {self.rng.choice(COMPARATORS)} {self.quantity(unit, 0, frozenset())}"

    def between(self, known: Known) -> str:
        left, low = self.two(known, 1)
        return (
            f"{left} between {low} and {low} + abs({self.literal()})"
            if "@" not in low and self._plain(low)
            else self.comparison(known)
        )

    def _plain(self, text: str) -> bool:
        return (
            not any(fact.name in text for unit in ("date", "duration") for fact in self.units[unit])
            and '"' not in text
            and "as_of" not in text
        )

    def membership(self, known: Known) -> str:
        unit = self.sized(known)
        operand = group(self.quantity(unit, 1, known))
        count = self.rng.choice((1, 2, 3))
        opening, closing = self.rng.choice(("()", "()", "[]"))
        return f"{operand} in {opening}{', '.join(self.test(unit, known) for _ in range(count))}{closing}"

    def test(self, unit: str, known: Known) -> str:
        """One test of a cell or list: a comparison, a value or an interval."""
        rng, form = self.rng, self.rng.random()
        if form < 0.4:
            return f"{rng.choice(COMPARATORS)} {self.quantity(unit, rng.choice((0, 0, 1)), known)}"
        if form < 0.6:
            return self.quantity(unit, rng.choice((0, 0, 1)), known)
        low, high = self.interval(unit)
        return f"{rng.choice('[(]')}{low}..{high}{rng.choice('])[')}"

    def interval(self, unit: str) -> tuple[str, str]:
        """Two ends, the lower one first."""
        rng = self.rng
        match unit:
            case "date":
                first, second = sorted((rng.randrange(1900, 2200), rng.randrange(1900, 2200)))
                return f'date("{first}-0{rng.randrange(1, 6)}-28")', f'@"{second}-0{rng.randrange(6, 10)}-30"'
            case "duration":
                days = rng.randrange(-40, 40)
                return (
                    f'@"{"-" if days < 0 else ""}P{abs(days)}D"',
                    f'duration("P{max(0, days) + rng.randrange(1, 40)}D")',
                )
            case _:
                low = rng.randrange(-5, 12)
                return (
                    (f"{low}", f"{low + rng.randrange(1, 8)}") if rng.random() < 0.8 else (f"{low}.25", f"{low + 1}.5")
                )

    def choice(self, known: Known) -> str:
        rng = self.rng
        fact = self.fact("choice", known)
        if fact is None:
            return self.tags(known)
        others = [o.name for o in self.usable("choice", known) if set(o.words) & set(fact.words)]
        match rng.randrange(5):
            case 0:
                return f"{fact.name} {rng.choice(('=', '!='))} {rng.choice(others)}"
            case 1:
                return f"{self.text(fact)} {rng.choice(('=', '!='))} {fact.name}"
            case 2:
                test = rng.choice(("", "", "!= ")) + self.text(fact)
                return f"{fact.name} in ({self.text(fact)}, {test}, {rng.choice(others)})"
            case 3:
                return f"{fact.name} in ({', '.join(self.text(fact) for _ in range(rng.randrange(1, 5)))})"
            case _:
                return f"{fact.name} {rng.choice(('=', '!='))} {self.text(fact)}"

    def tags(self, known: Known) -> str:
        rng = self.rng
        fact = self.fact("tags", known)
        if fact is None:
            return self.words(known)
        choices = [c.name for c in self.usable("choice", known) if set(c.words) & set(fact.words)]
        match rng.randrange(4):
            case 0:
                return f"list contains({fact.name}, {self.text(fact)})"
            case 1 if choices:
                return (
                    f"{rng.choice(choices)} in ({fact.name})"
                    if rng.random() < 0.5
                    else f"{rng.choice(choices)} in {fact.name}"
                )
            case 2:
                return f"count({fact.name}) {rng.choice(COMPARATORS)} {rng.randrange(4)}"
            case _:
                return f"{self.text(fact)} in {fact.name}"

    def words(self, known: Known) -> str:
        rng = self.rng
        fact = self.fact("text", known)
        if fact is None:
            return self.boolean(known)
        match rng.randrange(5):
            case 0:
                return f"{fact.name} {rng.choice(('=', '!='))} {rng.choice(self.usable('text', known)).name}"
            case 1:
                return f"{fact.name} in ({self.text(fact)}, {self.text(fact)})"
            case 2:
                return f"{fact.name} {rng.choice(('=', '!='))} {self.text(fact)}"
            case _:
                return f"{rng.choice(('contains', 'starts with', 'ends with'))}({fact.name}, {self.part()})"

    def boolean(self, known: Known) -> str:
        rng = self.rng
        fact = self.fact("boolean", known)
        if fact is None:
            return self.presence(known)
        other = rng.choice(self.usable("boolean", known)).name
        return rng.choice(
            (fact.name, f"not({fact.name})", f"{fact.name} = true", f"{fact.name} != {other}", f"false = {other}")
        )

    def presence(self, known: Known) -> str:
        optional = [fact.name for fact in self.facts if fact.optional]
        if not optional:
            return self.simple(known) if self.rng.random() < 0.9 else self.rng.choice(("true", "false"))
        return f"{self.rng.choice(optional)} is {self.rng.choice(('', 'not '))}missing"

    # cells

    def cell(self, fact: Declared, known: Known, *, asks: bool) -> str:
        """A cell in the column of `fact`; one that `asks` says what holds when the fact is missing."""
        rng = self.rng
        if asks and fact.type == "tags":
            return rng.choice(("is missing", "is not missing", "not(is missing)"))
        if asks:
            inner = self.tests(fact, known | {fact.name})
            return rng.choice(
                ("is missing", "is not missing", f"is missing, {inner}", f"not(is missing, {inner})", "not(is missing)")
            )
        known = known | {fact.name}
        if fact.type == "tags":
            return rng.choice(
                (
                    f"list contains(?, {self.text(fact)})",
                    f"{self.text(fact)} in ?",
                    "count(?) > 1",
                    f"not({self.text(fact)} in ?)",
                )
            )
        if rng.random() < 0.15:
            return self.question(fact, known)
        tests = self.tests(fact, known)
        return f"not({tests})" if rng.random() < 0.15 else tests

    def question(self, fact: Declared, known: Known) -> str:
        """A cell that is an expression about its column's value."""
        match fact.type:
            case "boolean":
                return self.rng.choice(("?", "not(?)", "? = true"))
            case "text":
                return f"{self.rng.choice(('contains', 'starts with', 'ends with'))}(?, {self.part()})"
            case "choice":
                return f"? != {self.text(fact)}"
            case "integer" | "number" | "money":
                return f"? * 2 - 1 {self.rng.choice(COMPARATORS)} {self.quantity(fact.unit, 1, known)} and ? != 3"
            case _:
                return f"? {self.rng.choice(COMPARATORS)} {self.quantity(fact.unit, 1, known)}"

    def tests(self, fact: Declared, known: Known) -> str:
        """One or several tests of a value."""
        rng = self.rng
        count = rng.choice((1, 1, 1, 2, 3))
        match fact.type:
            case "boolean":
                return rng.choice(("true", "false", "= true", "!= true"))
            case "text":
                return ", ".join(rng.choice(("", "", "!= ")) + quoted(rng.choice(TEXTS[:-8])) for _ in range(count))
            case "choice":
                return ", ".join(rng.choice(("", "", "", "!= ")) + self.text(fact) for _ in range(count))
            case "tags":
                return "!= 1"  # no test of a tag list exists: refused
            case _:
                return ", ".join(self.test(fact.unit, known) for _ in range(count))


Leaf = Callable[[Author, Known], str]
_LEAVES: tuple[Leaf, ...] = (
    Author.comparison, Author.comparison, Author.comparison, Author.simple, Author.simple, Author.between,
    Author.membership, Author.membership, Author.choice, Author.choice, Author.tags, Author.words,
    Author.boolean, Author.presence,
)  # fmt: skip
