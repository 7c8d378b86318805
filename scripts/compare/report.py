"""The table, and its place in benches/README.md."""

import statistics

BEGIN, END = "<!-- compare:begin -->", "<!-- compare:end -->"
# Of which a larger figure is the better one.
RATES = {"kpps", "Gbit/s"}
TITLES = {
    "match": "Which rule admits a packet?",
    "look-up": "Which connection does it continue?",
    "live": "The whole, live",
    "replay": "The whole, from a capture",
}


def number(figure):
    return f"{figure:.1f}" if figure < 1000 else f"{figure:,.0f}"


def cell(figures, unit):
    best = max(figures) if unit in RATES else min(figures)
    return f"{number(statistics.median(figures))} / {number(best)}"


def ratio(row):
    """How many times as fast secgroup is: the median of the rounds."""
    pairs = zip(row["ours"], row["theirs"])
    if row["unit"] in RATES:
        return statistics.median(ours / theirs for ours, theirs in pairs)
    return statistics.median(theirs / ours for ours, theirs in pairs)


def markdown(found):
    machine, rounds = found["machine"], found["rounds"]
    lines = [
        ", ".join(f"{key}: {value}" for key, value in machine.items()) + ".",
        f"Median / best of {rounds} rounds; the last column is how many times as fast secgroup is, the median of the rounds' ratios.",
    ]
    if found["quick"]:
        lines.append("**Small sizes, to see that it works: figures of no worth.**")
    for name, title in TITLES.items():
        rows = [row for row in found["rows"] if row["comparison"] == name]
        if rows:
            lines += ["", f"**{title}**", "", "| question | unit | secgroup | beside | its figure | x |", "|---|---|---:|---|---:|---:|"]
            for row in rows:
                unit = row["unit"]
                lines.append(
                    f"| {row['question']} | {unit} | {cell(row['ours'], unit)} | {row['beside']} "
                    f"| {cell(row['theirs'], unit)} | {ratio(row):.2f} |"
                )
            lines += ["", *(f"- `{command}`" for command in found["commands"][name])]
        elif name in found["skipped"]:
            lines += ["", f"**{title}** Skipped: {found['skipped'][name]}."]
    return "\n".join(lines)


def write(path, text):
    """Puts `text` between the markers of a file."""
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"compare: {path} has no {BEGIN} ... {END}: put them where the table belongs")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
