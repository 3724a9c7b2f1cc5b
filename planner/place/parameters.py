"""Every number that steers the search: what it is, its unit, and where its value comes from.

Three kinds of number are here. Those that begin with ``work_of`` turn counted work into seconds of a
reference machine; ``bench/calibrate.py`` measures them again. Those in seconds of work are budgets, and the
others are sizes and counts; for both the same program shows what half and double of the main ones do. Where
a text says "chosen", nobody has measured anything finer than that.

A budget in seconds of work is spent by counting, never by looking at the time, so that with one worker the
same seed gives the same placement on every machine that is fast enough. Changing any number here may
change placements.

Numbers that are no choice stand where they are used: the decimals of documents, the whole numbers that a
double holds, what stands for "no limit", the largest cluster that is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of the search; :data:`PARAMETERS` are those in use."""

    # Time and work

    work_per_second: float = 0.85
    """Share of a time limit that is given out as work, in seconds of work for each second.

    A machine on which work takes up to 1 / 0.85 of what is counted ends by work, and thus repeatably; a
    slower one ends by time where it needs all of it. docs/benchmarks/calibration.md has measured ratios,
    some of them above that.
    """

    work_of_cp_sat: float = 2.5
    """Seconds of work for one unit of CP-SAT's deterministic time. Measured 3.6, bench/calibrate.py."""

    work_of_lp: float = 2e-3
    """Seconds of work for one linear program over contents, and for pricing beside CP-SAT's own.

    Measured: bench/calibrate.py, 6.7e-3 with what pricing takes beyond its counted work. GLOP alone takes
    1.1e-3 s, with forty types and three classes.
    """

    work_of_content_node: float = 1.5e-6
    """Seconds of work for one node of the enumeration of contents. Measured 9.5e-7, bench/calibrate.py."""

    work_of_swap_step: float = 4e-4
    """Seconds of work for one step of the local search, whatever it looks at.

    Measured 4.2e-4, bench/calibrate.py.
    """

    work_of_swap: float = 1.2e-8
    """Seconds of work for one swap whose gain is estimated. Measured 1.1e-8, bench/calibrate.py."""

    seconds_after: float = 0.2
    """Seconds kept from the time limit for what comes after the search, whatever its size.

    Writing and checking the document of a small placement, measured 0.02 with the next ones in
    bench/calibrate.py, and then its text.
    """

    seconds_after_per_task_manager: float = 2e-4
    """Seconds kept for each TaskManager for the same. Measured 1e-4 to 2.9e-4."""

    seconds_after_per_slot: float = 3e-5
    """Seconds kept for each slot for the same. Measured 2.3e-5 to 3.1e-5."""

    seconds_after_per_step: float = 1e-5
    """Seconds kept for each step (``flink_steps``) of predicting Flink's modes. Measured 6.9e-6 to 9.1e-6."""

    mean_share: float = 1 / 8
    """Share of the time limit kept for balancing the mean of several samples, which is only compared with."""

    interrupt_poll_seconds: float = 0.1
    """Seconds between two looks at whether the user interrupted CP-SAT.

    Chosen: below what a person notices, and a thread that wakes ten times a second costs nothing.
    """

    # Exact search

    exact_variables: int = 1500
    """Up to how many counts (TaskManagers times slot types) CP-SAT solves a problem whole.

    Half or double change the work of five hard instances by less than 5 % (bench/calibrate.py).
    """

    exact_work: float = 0.5
    """Seconds of work for the first whole solution by CP-SAT; the n-th gets n times as much.

    Half or double change the work of five hard instances by less than 10 % (bench/calibrate.py).
    """

    level_exact_work: float = 0.15
    """Seconds of work for CP-SAT within one later level: the lowest utilisation, the fewest quotas.

    Chosen so that all later levels together take less than the first.
    """

    # First placement

    first_work: float = 0.2
    """Seconds of work for the swaps after the first placement, and towards the bound by classes.

    Double takes 7 % more work on five hard instances (bench/calibrate.py); most instances meet their bound
    within it.
    """

    first_work_small: float = 0.1
    """The same where CP-SAT can solve the problem whole, and is the better way soon."""

    first_work_per_task_manager: float = 0.002
    """Seconds of work added to ``first_work`` for each TaskManager: a pass over all of them takes longer."""

    round_work: float = 0.5
    """Seconds of work for one round of contents put together, and as much for swaps from there.

    On five hard instances twice as much takes a fifth more work, and four times as much three fifths more;
    all are proven either way (bench/calibrate.py).
    """

    # Whether everything fits

    feasible_work: float = 0.2
    """Seconds of work for swaps that look for any placement, before patterns are asked.

    Chosen: half of ``first_work``, which needs the load to be even besides.
    """

    feasible_work_small: float = 0.02
    """The same where CP-SAT can answer."""

    trial_work: float = 1.0
    """Seconds of work for one question whether everything fits: on fewer TaskManagers, or after a change.

    Chosen: about ten such questions are asked for a proposal or when packing, so they end within ten
    seconds, the usual limit. More only helps where neither a placement nor a proof is found.
    """

    # Local search

    swap_partners: int = 128
    """With how many TaskManagers one step looks for swaps.

    Half takes 40 % more work on five hard instances, double no less (bench/calibrate.py).
    """

    swap_bundles_out: int = 96
    """How many bundles of one or two slots of the one TaskManager a step offers.

    Insensitive between 48 and 192 (bench/calibrate.py).
    """

    swaps_few: int = 50_000
    """How many swaps one step estimates at first.

    Half takes 35 % more work on five hard instances, double no less (bench/calibrate.py). By
    ``work_of_swap`` they take 6e-4 s, not much more than the step itself.
    """

    swaps_many: int = 400_000
    """How many it estimates at most, after steps that found nothing.

    Insensitive between half and double (bench/calibrate.py). Bounds memory: a few arrays of eight bytes each.
    """

    swaps_checked: int = 1000
    """How many of the swaps that look best are evaluated exactly.

    Exact evaluation takes 2.5e-7 s each, so that many take no more than ``work_of_swap_step``. Half does as
    well, double takes 35 % more work on five hard instances (bench/calibrate.py).
    """

    swap_greedy_share: float = 0.5
    """How often the TaskManager of highest cost is looked at; otherwise any of those with a cost.

    Chosen: in between, since only the worst one gets stuck and only random ones waste steps.
    """

    kick_after: int = 1500
    """After how many steps without a better state the local search makes random swaps.

    Insensitive between half and double (bench/calibrate.py): few searches get there.
    """

    kick_swaps: tuple[int, int] = (3, 7)
    """The fewest and the most random swaps of a kick.

    Chosen: enough to leave a dead end, too few to lose what was reached.
    """

    tiny: float = 1e-9
    """What a gain has to exceed to count, in units of cost.

    Costs of load are whole numbers in floats and differ by one at least; this only absorbs the rounding of
    weights of memory and traffic.
    """

    hard_weight: float = 10.0
    """Cost of a whole limit broken, in highest loads of a TaskManager.

    Any number well above one puts limits right before load; Chosen.
    """

    most_bundles: int = 40_000
    """Up to how many bundles slots are swapped in pairs, singly above; 281 slot types have as many.

    Bounds memory: one byte for each bundle and TaskManager, see the next.
    """

    most_available: int = 100_000_000
    """Up to how many bundles times TaskManagers there may be for pairs.

    Bounds memory: one byte each, 100 MB.
    """

    # Contents and bounds

    content_nodes: int = 200_000
    """Nodes of the enumeration of all contents, over all classes, before it is given up.

    At ``work_of_content_node`` these are 0.3 seconds of work. Half takes 5 % less work on five hard
    instances, double 10 % more (bench/calibrate.py).
    """

    contents_of_class: int = 20_000
    """Contents of one class before the enumeration is given up: each is a variable for CP-SAT.

    Bounds memory: 390 bytes each with forty types, so 8 MB a class, and the time to build that program.
    """

    dual_feasible_steps: int = 64
    """Up to which step dual feasible functions are tried, in units of what all loads are multiples of.

    Chosen: a utilisation takes about three milliseconds with forty types, which grow with the square of it.
    """

    bounded_samples: int = 4
    """Samples of the load, the heaviest ones, for which bounds are sought that take a program."""
    content_variables: int = 40_000
    """Variables (classes times slot types) up to which contents are priced: each class is a model of its own.

    Chosen: building the models for 300,000, of TaskManagers each with other slots that stay, takes 20 s,
    which is not counted as work.
    """
    class_bound_variables: int = 20_000
    """Variables (classes times slot types) of the linear program over classes before it is left out.

    Building and solving takes 0.8 s for 8,000 and 3 s for 20,000 of them, which is not counted as work;
    without it there are the bounds by counting and by patterns.
    """

    price_denominator: int = 10**9
    """Largest denominator to which prices of the linear program over classes are rounded.

    Any prices give a valid bound; nine decimals are what GLOP's tolerance of 1e-7 warrants, and two more.
    """

    price_scale: int = 10**6
    """What the highest price of a slot is in whole numbers when contents are priced.

    Any prices give a valid refutation; six digits keep objectives of CP-SAT below 2**53 for contents of
    up to a billion slots, and are finer than what a refutation turns on.
    """

    pricing_work: float = 1.0
    """Seconds of work for finding one content of highest price. A knapsack: nearly always far less."""

    pricing_gap: float = 0.003
    """How far from the highest price a content may be, until no such content is new; then it is the highest.

    Measured on 200 TaskManagers with three parts of memory nine tenths full: to refute all utilisations that
    can be takes 4.7 s with it, 6.2 to 8.0 s with three to seventeen times as much, and 8.2 s without.
    """

    priced_contents: int = 6
    """How many contents are kept of those found on the way to one of the highest price.

    Measured on the same as ``pricing_gap``: 2.7 s instead of 5.2 s with the best one alone.
    """

    refuting_share: float = 0.33
    """Share of the work that is left for refuting one utilisation after the other, each time.

    Chosen: as much as for ``neighbours_share``, so that a bound that rises slowly leaves time for placements.
    """

    neighbours: int = 4
    """How many TaskManagers CP-SAT rearranges so that one of them comes under the target.

    In 6 s on six hard instances of 12 and 20 TaskManagers four left a mean gap of 1.7 %, six 1.9 % and nine
    3.2 %, of 4.1 % before.
    """

    neighbours_work: float = 0.25
    """Seconds of work for that. Chosen: half of ``round_work``."""

    neighbours_share: float = 0.3
    """Share of the work that is left for one round of that. Chosen: each way of several gets its turn."""

    # Later levels

    attempt_work: float = 0.02
    """Seconds of work for one attempt within a later level. Chosen: about fifty steps."""

    attempt_work_per_task_manager: float = 0.0002
    """Seconds of work added to that for each TaskManager."""

    level_work: float = 0.06
    """Seconds of work for one later level. Chosen: three attempts."""

    level_work_per_task_manager: float = 0.0015
    """Seconds of work added to that for each TaskManager."""

    level_work_most: float = 2.0
    """Most seconds of work for one later level, however many TaskManagers there are.

    Chosen: four levels take at most eight seconds of what is left after the first.
    """

    spread_bisections: int = 6
    """Halvings of the range in which a utilisation is looked for: to a sixty-fourth of it."""

    spread_peelings: int = 4
    """How often TaskManagers that cannot go lower are set aside. Chosen: few instances need more than two."""

    memory_bisections: int = 3
    """Halvings of the range of the highest share of memory: to an eighth of it.

    Chosen: each is an attempt (``attempt_work``), and a level has time for three.
    """

    deployment_kinds: int = 400
    """Up to how many different contents CP-SAT looks for fewer: each is two variables.

    Chosen: about what ``level_exact_work`` is enough for.
    """

    few_contents_work: float = 0.4
    """Seconds of work for one way to part TaskManagers among few contents, and so many more each next time.

    Chosen: of 25 programs that led to contents in five seconds half took at most 0.5, and the others up to
    4.1, with another way to solve the same one often a tenth of that.
    """

    few_contents_share: float = 1 / 3
    """Share of the time in which each way to part TaskManagers is tried once, before contents are rounded.

    Chosen: with nine tenths of the memory taken some lead to ten contents in ten seconds, and some to none;
    contents that are rounded take one and a half of them.
    """

    few_contents_depth: int = 3
    """Into how many parts, at most, the TaskManagers of the other classes are parted.

    Chosen: one part led to the fewest contents of 5,000 TaskManagers, two to those of 200 and of 1,000, and
    three to more.
    """

    fewest_checks: int = 50_000
    """How many ways to part a class are looked at, group by group, for the bound of the different contents.

    Chosen: 5,000 TaskManagers and forty groups take a tenth of it, and all of it half a second.
    """

    blast_shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Shares of what a lost slot restarts that swaps lower one after the other; the last one is what counts.

    Chosen: under a share a TaskManager with fewer slots of a group is better, and with the whole only one
    without any is, where a single slot restarts all.
    """

    blast_orders: int = 6
    """How many placements that fill one TaskManager after the other are tried, in random orders.

    Chosen: they differ in which pipelines share a TaskManager; the first few find nearly all of it.
    """

    blast_contents: int = 2000
    """Up to how many different contents CP-SAT looks for those that restart least: each is a variable.

    Chosen: about what ``level_exact_work`` is enough for.
    """

    # Sizing

    sizing_shares: int = 6
    """Into how many parts the time that is left is divided, of which one is for one proposal.

    Chosen: most proposals are decided in a second or two; six that are not leave a third of the time.
    """

    sizing_work: float = 2.0
    """Seconds of work for one proposal: an integer program over as many numbers as there are classes.

    Chosen: nearly always far less.
    """

    sizing_pricing_work: float = 0.1
    """Seconds of work for the dearest content of a class.

    Chosen: the bound of a knapsack is good long before its proof.
    """

    sizing_pricing_gap: float = 0.01
    """How far from the dearest content pricing may end, until that finds none; then it ends with the dearest.

    One per cent takes a fifth of the time of none for the families odd and tight at 200 TaskManagers.
    """

    sizing_step: Fraction = Fraction(1, 500)
    """How much dearer the next proposal is while none was enough; doubled each time.

    Chosen: a fifth of the gap of one per cent that is good enough for a price.
    """

    least_price: float = 0.001
    """What a slot that is missing costs at least, of the dearest one.

    Chosen: a slot that costs nothing while TaskManagers are bought has to be held all the same.
    """

    purchase_rounds: int = 6
    """How often contents are added for the slots that are left, each time that some are taken.

    Chosen: most are in the pool already.
    """

    purchase_sway: tuple[float, float] = (0.7, 1.0)
    """Between what a part of a content is multiplied, so that it is not always the largest that is taken.

    Five purchases of one of the families of bench/sizing.py differed by 0.3 %.
    """

    purchase_trials: int = 3
    """How often TaskManagers are filled content by content until all slots fit.

    Chosen: each is swayed otherwise; three take about a second at 50 TaskManagers.
    """

    filling_work: float = 2.0
    """Seconds of work for one filling: contents that can do it as fractions, then whole ones.

    Chosen: four times ``round_work``; 200 TaskManagers of one class take one to two.
    """

    filling_gap: Fraction = Fraction(1, 50)
    """How far above the bound a value is at least for TaskManagers to be filled anew at once.

    Where memory is short 7 to 20 % are left there (bench/sizing.py), with odd TaskManagers 0.1 %
    (bench/instances.py).
    """

    filling_share: float = 1 / 4
    """Share of the work that is left for one filling at most.

    Chosen: one that comes to nothing leaves time for other ways.
    """

    purchase_last: int = 6
    """How many TaskManagers that were taken last are chosen again by CP-SAT.

    Four gained 0.3 to 0.5 % of the price at 50 TaskManagers, six up to 0.6 %, eight no more, in more time.
    """

    purchase_work: float = 1.0
    """Seconds of work for these.

    Chosen: mostly it takes a tenth.
    """

    most_nodes: int = 300
    """Up to how many nodes an integer program says how many pods of each class run on each.

    Chosen: that is a few thousand numbers.
    """

    # Constraints and explanations

    choices: int = 64
    """How many ways to keep TaskManagers in reserve and to stand in places are tried.

    Each is a problem of its own; time is divided by those that are not bounded away. Chosen: all ways for
    one group in up to six zones with three loads of its slots. Small problems are settled as a whole
    besides.
    """

    choice_work: float = 3.0
    """Seconds of work for CP-SAT over all choices of a small problem.

    Chosen: with the usual limit as much remains for the placement that its choice leads to.
    """

    first_losses: int = 40
    """How many losses CP-SAT looks at first when it decides on the quotas of spares, and then adds each time.

    Chosen: a loss is a few constraints for each spare, and those that take most slots imply most others.
    """

    spares_work: float = 2.0
    """Seconds of work for CP-SAT on the quotas of spares. Chosen: as ``choice_work``, of a smaller model."""

    most_added: int = 4096
    """How many TaskManagers an explanation proposes to add at most. Chosen: a power of two, it is doubled."""

    lowering_steps: int = 14
    """Halvings when looking for how far a demand has to be lowered.

    To the hundredth of 160 cores, or the MiB of 16 GiB; each is a question whether everything fits.
    """

    bending_steps: int = 7
    """Halvings when looking for how far estimates have to be lowered: to a 128th of them.

    Chosen: they are no more exact than that, and each is a question whether everything fits.
    """

    # Moves

    relief_halvings: int = 7
    """How often the weight of moves is halved: from "only if it relieves a whole slot" to a 64th of that.

    Half takes 46 moves for 40, double no fewer (bench/calibrate.py).
    """

    relief_work: float = 0.5
    """Seconds of work for one such weight, and for taking moves back by swaps."""

    walk_work: float = 1.0
    """Seconds of work for getting within the limit whatever moves it takes. Chosen: twice ``round_work``."""

    move_neighbours: int = 10
    """How many TaskManagers CP-SAT rearranges with fewer moves.

    Half takes a third of the work and 41 moves for 40, double 40 % more work (bench/calibrate.py).
    """

    move_neighbours_work: float = 0.4
    """Seconds of work for that. Half takes 41 moves, double 39 for 40 (bench/calibrate.py)."""

    move_dead_ends: int = 12
    """After how many such tries in a row without fewer moves the search ends.

    Half takes 41 moves for 40 in two thirds of the work, double the same 40 (bench/calibrate.py).
    """

    moves_exact_variables: int = 5000
    """Up to how many counts (TaskManagers times slot types) CP-SAT looks for the fewest moves of all.

    Chosen: above ``exact_variables``, since what may stay is given and the model knows a placement.
    """

    moves_exact_work: float = 0.3
    """Seconds of work for that before neighbourhoods are searched, and what is left of the time after them.

    Chosen: less than one neighbourhood.
    """

    moves_exact_task_managers: int = 15
    """Up to how many TaskManagers it comes first, with half of the time: they are hardly a neighbourhood.

    Chosen: half more than ``move_neighbours``.
    """

    matched_task_managers: int = 1000
    """Up to how many equal TaskManagers are matched with those of before.

    Bounds memory: the matching has an arc for each pair, a million of them at 24 bytes.
    """

    contents_slacks: tuple[Fraction, ...] = tuple(
        Fraction(slack, 1000) for slack in (0, 5, 10, 20, 50, 100, 200, 500)
    )
    """How far above the best value placements of few contents are looked for, the first enough of them taken.

    Chosen: a few tenths of a percent are mostly enough, and nobody wants the half more for it.
    """

    pareto_slacks: tuple[Fraction, ...] = tuple(
        Fraction(slack, 1000) for slack in (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500)
    )
    """How far above the best value placements of fewer moves are looked for, as shares of it.

    Chosen: finer near the best, where a person decides; each gets a twelfth of the time.
    """

    # Flink's own scheduler

    flink_orders: int = 9
    """In how many orders of TaskManagers Flink's own scheduler is followed.

    Chosen: odd, so that there is a median, and few enough to take less than the search.
    """

    flink_steps: int = 40_000
    """Steps of a mode over all these orders, so that large jobs have fewer orders.

    A step is a slot that is given, or a TaskManager that one request goes through. Chosen: 200 TaskManagers
    with forty groups are followed in four orders, and all modes end within half a second.
    """


PARAMETERS = Parameters()
"""The parameters in use."""
