cmake_minimum_required(VERSION 3.25)
# Writes the commit that is built into OUTPUT, only when it has changed.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --exclude=*
                OUTPUT_VARIABLE commit_id OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit_id)
  set(commit_id unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define GAIOS_COMMIT_ID \"@commit_id@\"\n" @ONLY)
