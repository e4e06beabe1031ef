"""What is said of each sum: one sentence a topic, and one line a topic below its session."""

from collections.abc import Iterator, Mapping

from app.domain.messages.facts import ToldState
from app.messages.compose.formats import day, sums
from app.messages.compose.languages import Words
from app.messages.compose.said import Said, joined, plain, say
from app.messages.compose.totals import Kind, Topic, Total, Totals


def summary(words: Words, totals: Totals, *, with_kept_goodwill: bool = False) -> list[Said]:
    """What became of all of it.

    Goodwill that is not given was told of only where an earlier message spoke of it.
    """
    return [
        joined(_sentences(words, topic, total), words.phrases.sentence_gap)
        for topic, total in totals.items()
        if with_kept_goodwill or topic != (ToldState.KEPT, Kind.GOODWILL)
    ]


def undone(words: Words, totals: Totals) -> list[Said]:
    """What had come back by the last message, and has not."""
    return [
        say(words.phrases.undone[topic.kind], sum=sums(words, total.money, total.credits))
        for topic, total in totals.items()
    ]


def session_lines(words: Words, totals: Totals) -> list[Said]:
    """What became of one session's sums, a short line each."""
    return [
        _line(words, topic, total)
        for topic, total in totals.items()
        if topic != (ToldState.KEPT, Kind.GOODWILL)
    ]


def _phrases(words: Words, state: ToldState) -> Mapping[str, str]:
    match state:
        case ToldState.RETURNED:
            return words.phrases.returned
        case ToldState.UNDER_WAY:
            return words.phrases.under_way
        case ToldState.WITH_A_PERSON:
            return words.phrases.with_a_person
        case ToldState.ELSEWHERE:
            return words.phrases.elsewhere
        case ToldState.KEPT:
            return words.phrases.kept


def _sentences(words: Words, topic: Topic, total: Total) -> Iterator[Said]:
    phrase = _phrases(words, topic.state)[topic.kind]
    yield say(phrase, sum=sums(words, total.money, total.credits))
    if any(total.bonus.values()):
        yield say(words.phrases.bonus, bonus=sums(words, total.bonus))
    if topic == (ToldState.RETURNED, Kind.PAYMENT):
        yield say(words.phrases.arrival)
    dates = sorted(date for date in total.usable_until if date is not None)
    if dates:
        is_one = len(total.usable_until) == 1
        phrase = words.phrases.use_by if is_one else words.phrases.use_by_first
        yield say(phrase, date=day(words, dates[0]))


def _line(words: Words, topic: Topic, total: Total) -> Said:
    key = topic.state.value
    if topic.state is ToldState.RETURNED:
        key = f"returned_{topic.kind}"
    said = say(words.phrases.line[key], sum=sums(words, total.money, total.credits))
    dates = sorted(date for date in total.usable_until if date is not None)
    if not dates:
        return said
    date = day(words, dates[0])
    return say(words.phrases.line_use_by, line=plain(said), date=date)
