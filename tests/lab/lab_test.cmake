# lab_test_entry(NAME LABEL SECONDS ARGUMENT...): a ctest entry that runs a script with these arguments.
function(lab_test_entry name label seconds)
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${seconds}
                       ENVIRONMENT "HOLDFAST_BIN=${CMAKE_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endfunction()

# lab_test(LABEL SECONDS script.py...): one ctest entry per script that runs the built daemon in a lab. SECONDS: TIMEOUT.
function(lab_test label seconds)
  foreach(script ${ARGN})
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    lab_test_entry(${label}_${name} ${label} ${seconds} ${CMAKE_CURRENT_SOURCE_DIR}/${script})
  endforeach()
endfunction()

# lab_test_parts(LABEL SECONDS script.py part...): likewise one entry for each group of tests with `part` in their names.
function(lab_test_parts label seconds script)
  get_filename_component(name ${script} NAME_WE)
  string(REGEX REPLACE "_test$" "" name ${name})
  foreach(part ${ARGN})
    lab_test_entry(${label}_${name}_${part} ${label} ${seconds} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${part})
  endforeach()
endfunction()
