# lab_test(LABEL SECONDS script.py...): one ctest entry per script that runs the built daemon in a lab. SECONDS: TIMEOUT.
function(lab_test label seconds)
  foreach(script ${ARGN})
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    add_test(NAME ${label}_${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${script})
    set_tests_properties(${label}_${name} PROPERTIES LABELS ${label} TIMEOUT ${seconds}
                         ENVIRONMENT "HOLDFAST_BIN=${CMAKE_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
  endforeach()
endfunction()
