# One CMake target per layer, and each target exposes its own headers only: they are linked, one by one, into an
# include directory of the target's own. A file that includes a layer it does not depend on does not build.
#
#   gaios_layer(NAME [NEAR] HEADERS h... [SOURCES cc...] [DEPENDS targets...] [PRIVATE_DEPENDS targets...]
#               [ALONE cc...])
#
# makes target gaios_NAME (alias gaios::NAME), whose headers are included as "gaios/<folder>/<file>". NEAR: its machine
# code lies together in each program, where base/near.h finds it. ALONE: see gaios_together.

set(GAIOS_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
    -Wcast-qual -Woverloaded-virtual -Wimplicit-fallthrough -Werror)
# prfchw: a processor that lacks it takes the instruction for a hint that it does not know.
# no-tree-slp-vectorize: two words that are stored side by side would be gathered in a vector first, which takes longer.
set(GAIOS_CODEGEN -march=x86-64-v2 -mprfchw -fno-tree-slp-vectorize)
if(GAIOS_SANITIZE)
  list(APPEND GAIOS_CODEGEN -fno-omit-frame-pointer -fsanitize=${GAIOS_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GAIOS_SANITIZE})
  if(GAIOS_SANITIZE MATCHES "thread")
    list(APPEND GAIOS_WARNINGS -Wno-tsan)
  endif()
endif()

if(GAIOS_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "the fuzzers need clang: cmake --preset asan")
  endif()
  # The fuzzer sees which ways the code takes; its own main is linked to the targets in tests/fuzz alone.
  list(APPEND GAIOS_CODEGEN -fsanitize=fuzzer-no-link)
endif()

function(gaios_compile_settings target)
  target_compile_options(${target} PRIVATE ${GAIOS_WARNINGS} ${GAIOS_CODEGEN})
endfunction()

function(gaios_library_settings target)
  gaios_compile_settings(${target})
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # Without this no function of theirs that could be replaced at run time is inlined, for the sake of who puts
  # them into a shared library.
  target_compile_options(${target} PRIVATE -fno-semantic-interposition)
endfunction()

# Renames the sections of a library's code, so that the linker puts what all such libraries have into one, and says where
# it begins and ends. The compiler can be told so of a function, not of a file.
find_program(GAIOS_OBJCOPY NAMES objcopy)
set(GAIOS_GATHERS_CODE OFF)
if(GAIOS_OBJCOPY AND NOT GAIOS_SANITIZE)  # clang's sanitizers give each function a section of its own
  set(GAIOS_GATHERS_CODE ON)
elseif(NOT GAIOS_OBJCOPY)
  message(STATUS "No objcopy: planned hand-overs find their code cold, and take longer")
endif()
function(gaios_gather_code target)
  if(GAIOS_GATHERS_CODE)
    add_custom_command(TARGET ${target} POST_BUILD
                       COMMAND ${GAIOS_OBJCOPY} --rename-section .text=gaios_code --rename-section .text.unlikely=gaios_code
                               $<TARGET_FILE:${target}>)
  endif()
endfunction()

# gaios_precompile(TARGET FOR): what nearly everything includes, parsed once for all libraries, programs or tests. The
# preset `debug` does without, so that a file that lacks an include does not go unnoticed.
function(gaios_precompile target for)
  if(NOT GAIOS_PRECOMPILE)
    return()
  endif()
  set(headers gaios_headers_of_${for})
  if(NOT TARGET ${headers})
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/${headers}.cc CONTENT "")
    add_library(${headers} OBJECT ${CMAKE_BINARY_DIR}/${headers}.cc)
    if(for STREQUAL "libraries")
      gaios_library_settings(${headers})
    else()
      gaios_compile_settings(${headers})
    endif()
    target_compile_features(${headers} PRIVATE cxx_std_20)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(${headers} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
    endif()
    target_link_libraries(${headers} PRIVATE absl::statusor absl::strings absl::str_format)
    target_precompile_headers(${headers} PRIVATE <algorithm> <array> <bit> <cstdint> <cstring> <memory> <optional> <span> <string>
                              <string_view> <system_error> <utility> <vector> <absl/status/status.h>
                              <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_format.h>)
    if(for STREQUAL "tests")
      gaios_test_sanitizer_settings(${headers})
      target_link_libraries(${headers} PRIVATE GTest::gtest GTest::gmock)
      target_precompile_headers(${headers} PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM ${headers})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 cries wolf inside std::string, of headers that were precompiled too.
    target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow)
  endif()
endfunction()


function(gaios_layer name)
  cmake_parse_arguments(LAYER "NEAR" "" "HEADERS;SOURCES;DEPENDS;PRIVATE_DEPENDS;ALONE" ${ARGN})
  set(target gaios_${name})
  set(include_dir ${CMAKE_BINARY_DIR}/include/${name})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(header ${LAYER_HEADERS})
    set(link ${include_dir}/gaios/${folder}/${header})
    get_filename_component(link_dir ${link} DIRECTORY)
    file(MAKE_DIRECTORY ${link_dir})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${link} SYMBOLIC)
    get_filename_component(install_dir gaios/${folder}/${header} DIRECTORY)
    if(NOT folder MATCHES "^cli")
      install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${install_dir})
    endif()
  endforeach()
  if(LAYER_SOURCES)
    add_library(${target} STATIC ${LAYER_SOURCES})
    set(scope PUBLIC)
    gaios_library_settings(${target})
    gaios_precompile(${target} libraries)
    if(LAYER_NEAR)
      gaios_gather_code(${target})
    endif()
    if(GAIOS_SANITIZE)
      gaios_together(${target} ALONE ${LAYER_ALONE})
      # g++ takes a file beside others for a header.
      target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    endif()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(gaios::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope} $<BUILD_INTERFACE:${include_dir}>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} ${scope} ${LAYER_DEPENDS})
  if(LAYER_PRIVATE_DEPENDS)
    target_link_libraries(${target} PRIVATE ${LAYER_PRIVATE_DEPENDS})
  endif()
  if(NOT folder MATCHES "^cli")  # the command's own parts are no library
    install(TARGETS ${target} EXPORT gaiosTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
  set_property(GLOBAL APPEND PROPERTY GAIOS_LAYERS ${target})
endfunction()

# gaios_program(NAME SOURCES cc... DEPENDS targets...): an executable in bin/.
function(gaios_program name)
  cmake_parse_arguments(PROGRAM "INSTALL" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  gaios_compile_settings(${name})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${PROGRAM_DEPENDS})
  gaios_precompile(${name} programs)
  if(PROGRAM_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# gaios_together(TARGET [ALONE cc...]): the sources of a test or of a command, eight compiled at a time where
# GAIOS_TOGETHER is set, for what they include takes longer than they do: it is a third of the time. ALONE: those that
# have a name of their own for what is another thing in a file beside them. Libraries are compiled so for sanitizers
# alone: what users run does not depend on who was compiled beside whom.
function(gaios_together target)
  cmake_parse_arguments(TOGETHER "" "" "ALONE" ${ARGN})
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${GAIOS_TOGETHER})
  set_source_files_properties(${TOGETHER_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# Of the time that all the tests take to compile, optimizing what runs once is the larger half, and with clang's
# sanitizers more. (g++'s ThreadSanitizer tests are few and long: they stay as they are.) clang refuses precompiled
# headers of another level, so that theirs have this one too.
function(gaios_test_sanitizer_settings target)
  target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:RelWithDebInfo>,$<CXX_COMPILER_ID:Clang>>:-O0>)
endfunction()

function(gaios_test_settings target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  gaios_test_sanitizer_settings(${target})
endfunction()

# gaios_test(NAME SOURCES cc... DEPENDS targets... [ALONE cc...] [LABELS l...] [TIMEOUT s]): a GoogleTest program, each
# of its tests a CTest of its own. ALONE: see gaios_together.
function(gaios_test name)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;DEPENDS;ALONE;LABELS" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 120)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  gaios_compile_settings(${name})
  gaios_test_settings(${name})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${TEST_DEPENDS} gaios_test_paths GTest::gtest GTest::gmock GTest::gtest_main)
  gaios_precompile(${name} tests)
  gaios_together(${name} ALONE ${TEST_ALONE})
  # gtest_discover_tests of CMake 3.25 keeps only the first of several labels: they are joined into one.
  string(REPLACE ";" "." TEST_LABELS "${TEST_LABELS}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${TEST_TIMEOUT} LABELS "${TEST_LABELS}")
endfunction()
