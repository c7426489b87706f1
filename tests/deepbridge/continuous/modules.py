"""Modules as users write them."""

import torch
from torch import nn
from torch.nn import functional as F

import deepbridge as db


def plain(n_inputs=6, n_outputs=3, **options):
    return nn.Sequential(nn.Linear(n_inputs, 5, **options), nn.ReLU(), nn.Linear(5, n_outputs, **options))


class Functional(nn.Module):
    """Everything that can be said by functions is."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.first, self.last = nn.Linear(36, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        x = x.view(x.size(0), -1)
        x = F.dropout(x, training=self.training)
        return self.last(self.drop(F.leaky_relu(self.first(x), 0.1)))


class Methods(Functional):
    def forward(self, x):
        x = F.avg_pool2d(torch.relu(self.conv(x)), 2).flatten(1)
        return self.last(self.first(x).relu())


class InPlace(Functional):
    def forward(self, x):
        x = F.adaptive_avg_pool2d(F.relu(self.conv(x), inplace=True), 3)
        return self.last(torch.relu_(self.first(torch.flatten(x, 1))))


class Small(nn.Module):
    """A perceptron whose forward is what the tests are about."""

    def __init__(self, n_inputs=6):
        super().__init__()
        self.a, self.c = nn.Linear(n_inputs, 5), nn.Linear(5, 3)
        self.register_buffer("mean", torch.linspace(-1, 1, n_inputs))

    def forward(self, x):
        return self.c(F.relu(self.a(self.first(x)))) + self.extra(x)

    def first(self, x):
        return x

    def extra(self, x):
        return 0


OF_SMALL = db.Symmetry({"a.weight": ("a", None), "a.bias": ("a",), "c.weight": (None, "a")})


class Doubled(Small):
    def first(self, x):
        return 2 * x


class Centred(Small):
    def first(self, x):
        return x - self.mean


class Rectified(Small):
    def first(self, x):
        return F.relu(x)


class Folded(Small):
    def first(self, x):
        return x.abs()


class Seen(Small):
    """Looks at a tensor of the first layer besides calling it."""

    def extra(self, x):
        return 0 * self.a.bias.sum()


class Skipped(Small):
    """The inputs go around the first layer too."""

    def extra(self, x):
        return x[:, :3]


class Summed(nn.Module):
    """Two layers write the same units; the one that is called first is not the one that is named first."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        sent = self.b(x)
        return self.c(F.relu(sent + self.a(x)))


OF_SUMMED = db.Symmetry(dict(OF_SMALL.axes) | {"b.weight": ("a", None), "b.bias": ("a",)})


class Twice(nn.Module):
    """The layer that reads the inputs is used again."""

    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.c(F.relu(self.a(F.relu(self.a(x)))))


class Last(nn.Module):
    """Linear layers along the last of three axes."""

    def __init__(self):
        super().__init__()
        self.a, self.c = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.c(F.relu(self.a(x)).mean(1))


class Residual(Small):
    def __init__(self):
        super().__init__()
        self.b = nn.Linear(5, 5)

    def forward(self, x):
        x = F.relu(self.a(x))
        return self.c(x + F.relu(self.b(x)))


class Stream(Small):
    """What a branch gives is added to what it read."""

    def __init__(self, n_inputs=2, width=12, inner=15):
        super().__init__(n_inputs)
        self.a, self.c = nn.Linear(n_inputs, width), nn.Linear(width, 3)
        self.b, self.d = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        x = F.relu(self.a(x))
        return self.c(F.relu(x + self.d(F.relu(self.b(x)))))


OF_STREAM = db.Symmetry(
    {
        "a.weight": ("stream", None), "a.bias": ("stream",), "b.weight": ("inner", "stream"), "b.bias": ("inner",),
        "d.weight": ("stream", "inner"), "d.bias": ("stream",), "c.weight": (None, "stream"),
    }
)  # fmt: skip


class Branching(Small):
    def first(self, x):
        return x if x.sum() > 0 else -x


class Memory(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells, self.c = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.c(self.cells(x)[0][:, -1])


class Careless(Small):
    """Draws at random in evaluation mode too."""

    def first(self, x):
        return F.dropout(x)


class OfBatch(Small):
    def first(self, x):
        return x - x.mean(0)


class Overwriting(Small):
    def first(self, x):
        return x.mul_(2)
