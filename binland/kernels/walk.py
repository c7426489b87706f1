"""The training error after every single sign flip of a walk in weight space, by incremental update."""

from binland.kernels.compiler import kernel

BLOCK = 8192  # patterns whose errors fit the int16 accumulator of a block


@kernel
def flip(field, output, column, positive, field_change, output_change):
    """Flip one weight of unit h; returns the number of errors after it. Cost P.

    Updated, both (P,) of one dtype, int16 or int32: field = w_h . x, which gains field_change = +-2 times column (P,)
    int8, the inputs of that weight; output = sum_h c_h sign(w_h . x), which gains output_change = 2 c_h where the
    unit's sign rises and loses it where it falls. positive (P,) int8 is 1 where the label is +1, else 0.
    All arithmetic stays in the arrays' dtype, so that the loop vectorises.
    """
    integer = field.dtype.type
    errors = 0
    for first in range(0, field.shape[0], BLOCK):
        f = field[first : first + BLOCK]
        o = output[first : first + BLOCK]
        x = column[first : first + BLOCK]
        y = positive[first : first + BLOCK]
        wrong = integer(0)
        for p in range(f.shape[0]):
            old = f[p]
            new = integer(old + integer(field_change * integer(x[p])))
            rise = integer(integer(new >= 0) - integer(old >= 0))
            total = integer(o[p] + integer(output_change * rise))
            f[p] = new
            o[p] = total
            wrong = integer(wrong + integer((total >= 0) ^ (y[p] > 0)))
        errors += wrong
    return errors


@kernel
def walk_errors_into(units, inputs, targets, columns, positive, output_weights, fields, output, errors):
    """Errors after every flip of a walk: flip t sets weight (units[t], inputs[t]) to targets[t].

    units, inputs (d,) int64, targets (d,) int8, columns (N, P) int8 the patterns' inputs transposed, positive (P,)
    int8, output_weights (H,) int8; fields (H, P) and output (P,) int16 or int32, of the start, are overwritten with
    those of the end; written: errors (d,) int64. Cost d P.
    """
    integer = fields.dtype.type
    for t in range(units.shape[0]):
        h = units[t]
        errors[t] = flip(
            fields[h],
            output,
            columns[inputs[t]],
            positive,
            integer(2 * targets[t]),
            integer(2 * output_weights[h]),
        )
