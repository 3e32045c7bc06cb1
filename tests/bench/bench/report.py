"""What was measured, as a table for people and as JSON.

A ratio says how many times better Pennyblack is than the peer: rates divided one way, times the other. The medians of all
rounds are compared; the spread is how far the rounds lie apart, and tells how much a ratio is to be trusted.
"""

import json
import statistics

from .case import FIGURES, HIGHER, SIZES
from .pennyblack import KEY as OURS

MIB = 1 << 20
REST_MIB_GOAL = 20  # of each of our daemons before any load
FLAT_GOAL = 1.5  # cost in the largest mailbox over that in the smallest
GROWTH_MAX = 1.1  # of each of our daemons from the first round to the end


class Results:
    """All figures so far: values[case, figure][server] is a list, one value a round."""

    def __init__(self, machine, versions, plan):
        self.machine = machine
        self.versions = versions  # {server key: text}
        self.plan = plan
        self.cases = []
        self.values = {}
        self.memory = {}  # {server key: [(moment, {daemon: bytes})]}
        self.troubles = {}
        self.failures = []

    def add(self, case, server, values, processor_seconds):
        """Takes the result of one run of a case."""
        if case not in self.cases:
            self.cases.append(case)
        for name, value in {**values, "cpu": processor_seconds}.items():
            self.values.setdefault((case.name, name), {}).setdefault(server.key, []).append(value)

    def add_failure(self, case, server, error):
        """A case could not be measured."""
        if case not in self.cases:
            self.cases.append(case)
        self.failures.append(f"{case.name}: {server.name}: {error}")

    def add_memory(self, server, moment, resident):
        """Takes a look at the memory of a server's daemons."""
        self.memory.setdefault(server.key, []).append((moment, resident))

    def differing(self):
        """Figures that should be the same for all servers, and are not."""
        return [f"{case.name}: {name} differs between servers"
                for case in self.cases for name in case.same
                if len({repr(value) for values in self.values.get((case.name, name), {}).values() for value in values}) > 1]

    def rows(self):
        """One row for each figure: medians, ratios to each peer, goal."""
        for case in self.cases:
            for figure in case.figures:
                by_server = self.values.get((case.name, figure.name), {})
                medians = {server: statistics.median(values) for server, values in by_server.items()}
                ratios = {server: _ratio(figure, medians[OURS], median)
                          for server, median in medians.items() if server != OURS and OURS in medians}
                yield {
                    "table": case.table, "case": case.name, "title": case.title, "figure": figure.name, "unit": figure.unit,
                    "median": medians, "values": by_server, "ratio": ratios, "goal": figure.goal,
                    "spread": {server: _spread(values) for server, values in by_server.items()},
                    "cpu_seconds": {server: statistics.median(values) for server, values in self.values.get((case.name, "cpu"), {}).items()},
                }

    def as_json(self):
        """All of it, for programs."""
        return json.dumps({
            "machine": self.machine, "versions": self.versions, "plan": vars(self.plan), "rows": list(self.rows()),
            "memory": {server: [{"moment": moment, "bytes": resident} for moment, resident in looks]
                       for server, looks in self.memory.items()},
            "differing": self.differing(), "failures": self.failures, "troubles": self.troubles,
        }, indent=2)

    def as_text(self):
        """All of it, for people."""
        parts = [_facts(self.machine, self.versions), self._figures_table(), self._sizes_table(), self._memory_tables()]
        parts += [f"! {line}" for line in self.differing() + self.failures]
        parts += [f"! {server}: {line}" for server, lines in self.troubles.items() for line in lines]
        return "\n\n".join(part for part in parts if part)

    def _figures_table(self):
        servers = list(self.versions)
        peers = [server for server in servers if server != OURS]
        lines = [["case", "figure", *servers, "unit", *(f"times {peer}" for peer in peers), "goal", "spread", "cpu s"]]
        for row in self.rows():
            if row["table"] != FIGURES:
                continue
            reached = [row["ratio"].get(peer) for peer in peers]
            lines.append([
                row["case"], row["figure"], *(_number(row["median"].get(server)) for server in servers), row["unit"],
                *(_times(ratio) for ratio in reached), _goal(row["goal"], reached),
                " / ".join(f"{row['spread'].get(server, 0):.0%}" for server in servers),
                " / ".join(_number(row["cpu_seconds"].get(server)) for server in servers),
            ])
        return _table(lines) if len(lines) > 1 else ""

    def _sizes_table(self):
        cases = [case for case in self.cases if case.table == SIZES]
        if not cases:
            return ""
        lines = [["messages in the mailbox", "server", *(f"{figure.name} {figure.unit}" for figure in cases[0].figures), "times", "goal"]]
        for case in cases:
            for server in self.versions:
                values = [self.values.get((case.name, figure.name), {}).get(server) for figure in case.figures]
                medians = [statistics.median(each) if each else None for each in values]
                if None in medians:
                    continue
                times = medians[-1] / medians[0]
                goal = f"{FLAT_GOAL:g} {_verdict(times <= FLAT_GOAL)}" if server == OURS else ""
                lines.append([case.name, server, *map(_number, medians), f"{times:.1f}", goal])
        return _table(lines)

    def _memory_tables(self):
        tables = []
        for server, looks in self.memory.items():
            daemons = list(looks[0][1])
            kind = "VmRSS" if server == OURS else "PSS of all processes"
            lines = [[f"{server}: {kind}, MiB", *daemons]]
            lines += [[moment, *(f"{resident[daemon] / MIB:.1f}" for daemon in daemons)] for moment, resident in looks]
            if server == OURS:
                at_rest, first, last = (looks[place][1] for place in (0, min(1, len(looks) - 1), -1))
                lines.append([f"goal at rest: below {REST_MIB_GOAL}",
                              *(_verdict(at_rest[daemon] < REST_MIB_GOAL * MIB) for daemon in daemons)])
                lines.append(["goal: no growth after round 1",
                              *(_verdict(last[daemon] <= first[daemon] * GROWTH_MAX) for daemon in daemons)])
            tables.append(_table(lines))
        return "\n\n".join(tables)


def _ratio(figure, ours, theirs):
    better, worse = (ours, theirs) if figure.better == HIGHER else (theirs, ours)
    return better / worse if worse else float("inf")


def _spread(values):
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def _number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _times(ratio):
    return "-" if ratio is None else f"{ratio:.1f}" if ratio < 100 else f"{ratio:.0f}"


def _goal(goal, ratios):
    known = [ratio for ratio in ratios if ratio is not None]
    if goal is None or not known:
        return ""
    return f"{goal:g} {_verdict(min(known) >= goal)}"


def _verdict(reached):
    return "ok" if reached else "MISSED"


def _facts(machine, versions):
    return "\n".join([f"{name.replace('_', ' ')}: {value}" for name, value in machine.items()]
                     + [f"{server}: {text}" for server, text in versions.items()])


def _table(lines):
    """Columns in line; the first two to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    def cell(column, text):
        return text.ljust(widths[column]) if column < 2 else text.rjust(widths[column])
    drawn = ["  ".join(cell(column, text) for column, text in enumerate(line)).rstrip() for line in lines]
    return "\n".join([drawn[0], "-" * max(map(len, drawn)), *drawn[1:]])
