# The CMakeLists.txt of a stranger who has the examples and an installed Gaios.
cmake_minimum_required(VERSION 3.25)
project(gaios_consumer LANGUAGES CXX)

find_package(gaios REQUIRED)

file(GLOB examples CONFIGURE_DEPENDS examples/*.cc)
foreach(file ${examples})
  get_filename_component(name ${file} NAME_WE)
  add_executable(${name} ${file})
  target_link_libraries(${name} PRIVATE gaios::gaios)
endforeach()
