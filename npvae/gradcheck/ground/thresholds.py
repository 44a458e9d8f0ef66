"""Every number by which the checker decides, with its reason. In float64 unless the name says LOW (float32).

They were set on the half of the hand-written mistakes that is not held out, and on right ops over many seeds; the
benchmarks say what they catch and what they refuse. A number that is changed here is scored again there.
"""

from __future__ import annotations

# ---- the battery: where an op is looked at
BASE_SIZES = (4, 3, 5, 6, 7, 8)  # small, all different: a wrong axis raises or shows
OTHER_SIZES = (3, 4, 6, 5, 8, 7)  # even where those are odd: medians, halves, pairs, the Nyquist bin
TIE_SIZES = (5, 4, 6, 3, 2, 2)  # enough entries for some to be tied where it counts: at the largest of a row
LONG_SIZE = 37  # past 32 and off every block; one axis at a time, or the arrays grow
SMALLEST = 2  # of the other axes then
AXES_STRETCHED = 4  # so many axes get the long size, each in a sample of its own
LABEL_LENGTH = 24  # a parameter whose print is longer is named by its type in the label of a sample
EXHAUSTIVE_SIZES = ((16, 8, 7, 5, 3, 2), (33, 15, 9, 4, 3, 2))  # whole blocks of 8 and 16; one past 32
TRIAL_SIZES = ((7, 11, 13, 17, 19, 23), (11, 17, 7, 23, 13, 19))  # primes: a layer built at them shows its shapes
SQUARE_SIZE = 3  # all axes alike: here a wrong axis raises no error and must show in the numbers
AXES_SET_TO_ONE = 3  # so many axes get size 1 on their own; more axes than these are rare and cost a sample each
PARAMETERS_VISITED = 6  # combinations of parameters seen at ordinary values
PARAMETERS_AT_POINTS = 3  # and at kinks and special values, where most of them say the same
SATURATED = {"pos40": 40.0, "neg40": -40.0, "far800": 800.0}  # exp(40) rounds 1 + e away; exp(800) overflows
SATURATED_SCATTER = 0.02  # relative: saturated entries are not all one number
MOVED_SHARE = 0.6  # of the entries are put to the point of a regime, the others stay ordinary beside them
LARGER = 30.0  # "x30": past the middle of every saturating function, before it overflows
TINY = 1e-8  # "tiny": squares of it vanish beside one in float64, log1p and expm1 matter
SMALL = (-6.0, -2.0)  # decades of the other half then: a branch that turns at 0.01 and not at 0 shows between
SMALL_SHARE = 0.5  # of the entries; and that much is added to a size, so that none is at a kink by chance
TIE_GRID = 4.0  # "ties": so many steps across a domain no wider than this, else whole numbers
BESIDE_POINT = (-5.0, -2.0)  # decades: how far "near" and "special" go off a point, on either side
MOST_COUNTED = 12  # counts are drawn from 0 to here: repeats, zeros, and more than a binomial of few trials has
INSIDE_DOMAIN = (0.05, 0.95)  # ordinary values keep off the ends of a closed interval by a twentieth of it
LOG_SPREAD = 0.7  # of the log-normal distance from a single end: a factor of two either way
WIDE_DOMAIN = 4.0  # an interval wider than this, with -1 and 1 inside, is drawn from N(0, 1)
SIMPLEX_LEAST = 0.1  # before the sum is made 1: no entry so small that differences have no room
SORTED_GAP = 0.1  # between neighbours of sorted and distinct entries
EIGENVALUES = (0.5, 3.0)  # of definite and invertible matrices: a condition that costs no digits
PROBABILITY_ENDS = (1e-4, 1.0 - 1e-4)  # a probability that avoids 0 and 1, in float32 too
INTEGERS_UNBOUNDED = 9  # an integer argument without an upper end runs to its lower end plus this
SEEDS = 2**32  # NumPy's global generator takes no seed as large as this
DY_SPREAD = 3.0  # cotangents are 3 N(0, 1): never ones, which hide what is symmetric

# ---- contracts: what no comparison of numbers sees
INFINITE_SLOPE_STEPS = (1e-4, 1e-7, 1e-10, 1e-13)  # a quotient that grows over nine decades grows without end
INFINITE_SLOPE_GROWTH = 0.5  # and its last rise is no less than this of the first: a kink's would die out
INFINITE_ENTRIES = 4  # so many infinite entries of a gradient are looked into
ACCUMULATES_RTOL = 1e-4  # each call adds as much as the one before, to this: sums round as they grow
ACCUMULATES_ATOL = 1e-6  # of the largest rise
REPEAT_ULPS = 4.0  # a pair not declared pure may repeat itself to so many eps of the largest entry (threads add up)
NUDGES = 5  # points beside the inputs, one last bit away: enough for a standard deviation
NUDGE_FAR = 1e-4  # relative, at ordinary values: a last bit is lost where a small number is added to one inside
LARGE_DY, SMALL_DY = -512.0, 0.125  # powers of two scale without rounding; the first turns the sign as well
LINEAR_ULPS = 64.0  # rounding allowed when dy is scaled, in eps of the largest entry times the largest input
LINEAR_TINY = 1e3  # and in units of the smallest normal number
ADDITIVE_ULPS = 1e4  # sums round as scaling does not: only what is grossly not additive counts
ADDITIVE_FLOAT32_ULPS = 16.0  # not additive, but to this many eps of float32: dy is rounded to float32 on its way
HARDLY_GROWN = 0.5  # of what a gradient for a large dy should be: less than that is clipped or normalised
OVERFLOWING = 1e-3  # of the largest number: what is larger on the way says nothing about linearity

# ---- the claim: how closely a gradient must agree
RTOL, RTOL_LOW = 1e-8, 3e-5  # Ridders reaches 1e-11; this sees a hidden float32 cast (6e-8)
ATOL_ULPS = 4.0  # atol = 4 eps (max |g| + max |dy|): scales with the gradient, as no constant does
NOISE_IN_ATOL = 16.0  # a forward in float32: its measured noise, over the first step, so many times

# ---- differences: steps and their extrapolation
FIRST_STEP, FIRST_STEP_LOW = 0.00734, 0.0613  # relative to max(1, |x|); two extrapolations then leave about 1e-11.
# Not powers of two, with which sums and squares inside a forward come out exact and their rounding hides.
SHORTER = (2.0, 2.0, 2.0, 4.0, 4.0)  # what is smooth settles within the first halvings; what is not needs shorter steps
SHORTER_STILL = 8.0  # the division after those
LEVELS = 12  # steps tried: down to about 1e-9 of the first
LEVELS_OF_A_COUNT = 6  # for entries of a gradient that is wrong in many: what is smooth has settled by then
LEVELS_OF_A_GUESS = 4  # where being roughly right is enough: bisecting, narrowing a threshold
LEVELS_OF_A_SIDE = 16  # of a one-sided quotient: an end at 1000 has a first step of 7, and exp a scale of one
SIDE_SETTLED_RTOL = 1e-8  # relative error at which a one-sided slope is as good as it is asked to be
ORDERS = 5  # columns of the extrapolation table: more amplify rounding
ORDERS_ENOUGH = 3  # rows after which a quotient that only trembles is given up
WORSE_ENOUGH, WORSE_ENOUGH_NOISY = 3, 2  # rows without improvement before a search stops
TOO_LONG = 16.0  # a quotient that is not finite: the step is divided by this and the table begins again
SETTLED_RTOL = 1e-12  # relative error at which a slope is as good as it gets
CLEARLY_OFF = 1e3  # a claim so many times further off than a slope has settled: shorter steps do not bring it nearer
HOLDS_AT = (97.3, 331.9)  # a slope holds if the quotient at its step over these is nearer to it than to the claim: no
# powers of two, over which what is quantised moves in the same ratios, and so short that no curve shows
HOLDS_SHARE = 0.5  # of the difference between slope and claim
SETTLED_SHARE = 0.1  # a table has settled off the claim if its error is below this of the difference
SETTLED_ATOL = 10.0  # and below so many tolerances
FORGIVEN_SHARE = 0.1  # rounding may be forgiven up to this share of the tolerance in any case
FORGIVEN_RTOL = 1e-3  # steps so short that more than this of the slope would be forgiven prove nothing
FORGIVEN_ATOL = 1e3  # the same in absolute tolerances
QUOTIENT_ULPS = 2.0  # rounding of a difference of two values, each right to half a unit and once more for safety
NOISE_POINTS = 11  # of a difference table: orders up to 8
NOISE_FIRST_ORDER = 4  # lower orders still see the function bend
NOISE_SPACING, NOISE_SPACING_LOW = 4099.7, 257.3  # in eps: long beside a unit in the last place, short beside any bend
NOISE_SPACINGS_MORE = (1.913e-6, 1.237e-4)  # what is quantised inside may stand still over the first spacing
KEPT_OUTPUTS = 10_000  # entries of all outputs together up to which those at every distance along an entry are kept
ENTRY_ULPS = 4.0  # least noise of one entry's loss: in eps of the outputs it has a part in
FLOOR_ULPS = 2.0  # a quotient's rounding is no less than twice the loss's measured trembling over its width
FEW_BITS = 12  # an output of no more binary digits may be what is left where sums cancel: it says nothing of float32
FINE_GRID = 1024.0  # an output that is a multiple of 1/1024 is round by nature and no sign of float32

# ---- comparing: directions, entries, linear arguments
DIRECTION_REACH = 0.5  # a step takes no entry more than half the way to a kink or to an end of the domain
FORGIVE_ALONG = 1e-6  # of the expected size of <g, v>: what kinks all around leave in a direction
LONG_DIRECTION = 64.0  # a direction longer than this takes a shorter first step
GOOD_STEP_AGAIN = 16.0  # begin no longer than so many times the step that served this argument before
BEND_ULPS = 1e4  # an argument declared linear may bend by so many eps of the terms summed
DOT_ULPS = 64.0  # rounding of the dot-product test, in eps of the terms summed
NUMERIC_RTOL = 1e-10  # a numeric gradient asked to settle on a claim: to this
ENTRIES = 600  # up to so many, every entry of a gradient is compared
DIRECTIONS = 3  # random ones, Gaussian: a wrong entry among 156,800 shows in each of them
DIRECTIONS_OF_A_GIANT = 2  # where a forward takes seconds
DEAR_INPUTS = 10_000  # entries of all inputs together from which single entries are left to small arguments
DEAR_ENTRIES = 20  # entries are then so many times fewer
MODEL_ENTRIES = 4000  # parameters of a model up to which every entry is compared
GIANT_MODEL = 100_000  # parameters from which a model gets fewer directions
RULINGS_ENOUGH = 12  # rulings made before the rest is only counted, once one has failed
FAILED_ENOUGH = 4  # rulings that failed, after which the rest is only counted too
TOLD_ENOUGH = 2  # samples in which a gradient is wrong, after which the first wrong entry of another is enough
ASKED_ENOUGH = 6  # so many where none of them could say what it looks like
FORWARDS_ENOUGH = 20_000  # of one check; after these the samples left are compared along directions only
OTHERS_LOOKED_AT = 24  # other entries looked at where one was found wrong by bisecting
PARTS_LOOKED_AT = 64  # of a direction that disagrees though no entry does: as dear as a hunt for one wrong entry
OTHERS_SETTLED = 0.1  # of the difference: an error above that says nothing (kinks all around)

# ---- rulings: kinks, rounding, or a wrong gradient
UNSETTLED_SHARE = 0.01  # of the difference: an error above that means a kink may be near
UNSETTLED_NOISE = 16.0  # the same in units of noise over step
NEAR_FORGIVE, NEAR_FORGIVE_LOW = 1e-3, 0.05  # rounding forgiven to short steps, of the slope
NEAR_LEAST = 1e-3  # of the largest entry: a slope smaller than that is measured against this
NEAR_SHORTER, NEAR_SHORTER_LOW = 128.0, 4.0  # how much shorter steps see this side of a kink
APART_ERRORS, APART_RTOL = 10.0, 1e-7  # slopes from two sides differ by more: a kink
SIDE_RTOL = 1e-7  # one-sided slopes have a slower series: they are asked for no more digits than this
SIDE_NOISE = 8.0  # noise allowed to a one-sided slope, over its step
SIDE_TOO_NOISY = 1e-3  # a side known no better than this is not compared
DENIED_ERRORS = 4.0  # both sides so many errors off what steps to both at once settle on: it is the slope of neither
TREMBLING = 4.0  # noise over step, so many times: what the forward cannot show
CLEAR_ERRORS = 20.0  # a difference of so many errors is a mistake; of fewer, the differences do not settle it
HIDDEN_RTOL = 1e-3  # noise below this of the slope hides no mistake of size
HIDDEN_RTOLS = 10.0  # nor does noise below so many tolerances of the largest entry
BEND_SHARE, BEND_NOISE = 0.3, 10.0  # curvature that differs by more between step lengths: a kink
BEND_LENGTHS = (1.0, 2.0, 4.0, 8.0)  # the first step over these
NO_STEP = 1e-300  # a step of zero in a denominator
FLOAT32_KEEPS = 1e-3  # float64 must mend all but this of a float32 mistake to excuse it
FLOAT32_ERRORS = 4.0  # or come within so many errors of the slope
FLOAT32_SPREAD = 4.0  # spreads allowed between float32 and float64
FLOAT32_SCATTER = 2.0  # at ordinary values the scatter that was measured adds no more than so much of the rounding
FLOAT32_ULPS = 4.0  # and eps of float32, of gradient, dy and inputs
AGAIN_RTOL = 1e-6  # that the float64 gradient is right is asked to this
NEARER = 2.0**-14  # a second look takes steps ten thousand times shorter
NEARER_RTOL = 1e-6  # and expects so many digits of them
NEARER_FAR_OFF = 1e-5  # what is off by less everywhere is off by less beside the kink too: no second look
NEARER_BETTER = 1e-3  # a slope by short steps replaces the other if its error is this much smaller
CLOSENESS, CLOSENESS_LOW = 1e-4, 0.02  # slopes a little beside an entry are the same to this
FAR_BESIDE = 10.0  # closenesses off before the place among equals is asked
TIE_GAP, TIE_GAP_LOW = 1e-5, 0.03  # equal entries are set apart by this, over how many they are
TIE_STEP = 0.25  # of that gap is the step then
AROUND_POINTS = 64  # points beside a kink inside the pair: six rectifiers are off together in one of them, and two
# that pull against each other, off together in one of six, are missed once in 500,000 times
AROUND_NOISE = 0.1  # of what the claim is off by: rounding below that takes no wrong slope for another
AROUND_BEND_ULPS = 16.0  # of the largest output: what bends by more over such distances has a kink there
AROUND_GAP, AROUND_STEP = 1e-9, 0.1  # how far they are, below what is tiny; of that distance is the step there
TIE_PLACES = 100  # places among its equals tried for an entry, at most
UNSEEN_SHARE = 2  # in float32 up to half of the entries may hide in noise before that is a doubt

# ---- diagnoses: what a mistake looks like
PATTERN, PATTERN_LOW = 1e-6, 2e-4  # precision to which a pattern must hold where the gradients are known
EXPLAINED = 0.02  # of the mistake may be left once a pattern has taken its part out
NOT_EXCUSED = 10.0  # tolerances: right entries that a common factor would have made wrong by more deny it
SAME_FACTOR = 1e-3  # a factor this near to one is printed as one plus something
FLOAT32_FACTOR = 6e-8  # a factor this near to one is a constant in float32
LEAST_SIZE = 3  # sizes 1 and 2 are no evidence for a mean over an axis: a factor 2 is found anywhere
WHOLE_DY = 1e-3  # a multiple of dy this near to one is dy itself
FEW_ENTRIES = 3  # fewer entries than this fit any term
SLOPES_OF_ANOTHER = 64  # entries up to which another argument's slopes are computed for comparison
SEVEN_DIGITS = 3e-7  # worst relative error of something computed in float32
FEW_DIGITS = 1e-4  # worst relative error of a small constant or digits cut off
SMALL_DY_AGAIN = 2.0**-10  # dy a thousand times smaller, without rounding
ONE_RATIO = 0.5  # more than half of the entries have one ratio in common: then it is not "no common factor"
MOSTLY_WRONG = 2  # a slice counts as wrong if more than one in two of its entries is, the rest being zero
ENOUGH_WRONG = 3  # or so many entries, however many are zero beside them: pooling reaches few
THRESHOLD_STEP, THRESHOLD_RTOL = 2e-4, 1e-3  # a wrong side of a branch shows at once: short steps, few digits
THRESHOLD_HALVINGS = 16  # of the interval around a threshold: five digits
THRESHOLD_ZERO = 1e-3  # a threshold this near to zero is zero
TRIED_AFRESH = 2  # more samples that must look the same before a diagnosis is said
DRAWN_AFRESH = 6  # drawn for that at most: some are hardly wrong by chance, and say nothing
RESIZED_AFRESH = 2  # the first of these, which have another size where a factor is said to be one
SAME_NUMBER = 0.01  # relative: a factor or a multiple found in two samples is the same number
ANOTHER_SEED = 1009  # added to the seed for the inputs on which a diagnosis is tried again
TELLING_ENTRIES = 8  # a sample of fewer may pass by chance
POINT_DIGITS = 12  # digits in which two points of a kink are the same

# ---- a quick look at a whole loss
TAYLOR_STEPS, TAYLOR_FIRST_STEP = 6, 2.0**-6  # six halvings: second order shows before rounding does
TAYLOR_LENGTH = 8.0  # a direction is no longer than a vector of 64 standard normal entries
