"""Continuous networks on the toroid: symmetries, geodesics, barriers and flatness of ReLU networks, on torch alone."""
