"""Saturated nets: slopes from the stored output beside slopes from the input (rows of kind `study`)."""

from report_page import table
from report_rows import esc, get, number, show, text
from report_share import objects

FORMATS = ("f32", "bf16", "f16")


def lost(net, key, number_format):
    """`1 : 14`, from the output and from the input; one number where f' needs the input."""
    sides = ("output", "input") if net.get("has_slope_from_output") is True else ("input",)
    depths = [number(get(net, key, number_format, side)) for side in sides]
    return " : ".join("never" if d is None else show(d) for d in depths)


def slopes_section(page, studies):
    if not studies:
        return
    page.add("<h2>Slopes from the output, or from the input</h2><p>Nets whose every unit is saturated at pre-activation "
             "a. Depth at which the gradient is lost, with slopes taken from the stored output, as frameworks do, and "
             "from the stored pre-activation (output : input; gelu has the latter only); starred: with the loss scale "
             "under which it is lost last.</p>")
    for row in studies:
        lines = [[esc(text(net.get("activation"))), show(net.get("argument")), show(net.get("slope"))]
                 + [lost(net, key, f) for key in ("lost_at", "lost_at_best_scale") for f in FORMATS]
                 for net in objects(row.get("nets"))]
        header = ["net", "a", "f'(a)"] + list(FORMATS) + [f"{f} *" for f in FORMATS]
        page.add(f"<h3>{show(row.get('depth'))} maps, W = I</h3>" + table(header, lines, set(range(1, len(header)))))
