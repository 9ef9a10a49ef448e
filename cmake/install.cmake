# Headers and libraries are installed by gaios_layer; this adds the CMake package and the pkg-config file.
