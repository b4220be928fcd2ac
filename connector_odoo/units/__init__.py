from . import adapter, partner, product, synchronizers
