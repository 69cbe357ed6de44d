"""Units of AlexNet, VGG16 and ResNet-50, by layer and feature map.

`architectures` is the table of the three, `drawing` and `weights_files` are where parameters come
from, `network` computes, `neurons` makes a `rig_adapters.sim.neurons.base.Neurons` of it all. Of
these, only what `neurons` imports needs torch; a config is checked without.
"""
