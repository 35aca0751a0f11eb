"""Python's collector of cyclic garbage, told what it works for: a process that serves many agents for weeks."""

import gc

_NEW_OBJECTS, _YOUNG, _OLD = 10_000, 20, 50


def collect_seldom() -> None:
    """Leave what is loaded by now alone, and look for garbage seldom; to be called once, before serving.

    By default every 700 new objects set off a look, and every hundredth of these walks over all there are: the code of
    all libraries, and everything that is at hand of every agent. With 1,000 agents at work that stops the event loop
    for a fifth of a second at a time, and takes 12 % of all time. Most garbage is no cycle and goes at once, as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG, _OLD)
