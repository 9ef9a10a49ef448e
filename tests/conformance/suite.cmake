# include()d by the tests of each backend. The suite is sources and no library: the linker would leave out tests that
# nothing refers to. A backend's test program lists them beside its own instantiation.
set(GAIOS_CONFORMANCE_SUITE
    ${CMAKE_CURRENT_LIST_DIR}/suite.cc
    ${CMAKE_CURRENT_LIST_DIR}/granting_suite.cc
    ${CMAKE_CURRENT_LIST_DIR}/reading_suite.cc
    ${CMAKE_CURRENT_LIST_DIR}/writing_suite.cc)
# For backends whose replicas are processes.
set(GAIOS_CONFORMANCE_PROCESS ${CMAKE_CURRENT_LIST_DIR}/process_endpoint.cc)
# For backends that can stop a writer half-way.
set(GAIOS_CONFORMANCE_HOLDING ${CMAKE_CURRENT_LIST_DIR}/holding_suite.cc)
# For backends whose replicas connect to each other, and can find that they do not fit together.
set(GAIOS_CONFORMANCE_HANDSHAKE ${CMAKE_CURRENT_LIST_DIR}/handshake_suite.cc)
# What gaios_test is told of them, see gaios_together.
set(GAIOS_CONFORMANCE_ALONE ALONE ${CMAKE_CURRENT_LIST_DIR}/holding_suite.cc ${CMAKE_CURRENT_LIST_DIR}/reading_suite.cc
    ${CMAKE_CURRENT_LIST_DIR}/writing_suite.cc)
