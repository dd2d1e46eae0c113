# usher_add_plugin(NAME SOURCES...): a plugin as the host wants it: hidden symbols but the entry, all symbols resolved
# at link and at load, no unique symbols (they would keep old code mapped after an upgrade). With find_package(UsherPlugin)
# it is also installed, where usherd looks for plugins below the prefix.
function(usher_add_plugin name)
    add_library(${name} MODULE ${ARGN})
    set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
    endif()
    if(NOT USHER_SANITIZE AND NOT USHER_FUZZ)
        target_link_options(${name} PRIVATE -Wl,-z,defs)
    endif()
    target_link_options(${name} PRIVATE -Wl,-z,now -Wl,-z,relro
        -Wl,--version-script=${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.map)
    target_link_libraries(${name} PRIVATE usher_plugin_api)
    if(USHER_PLUGIN_INSTALL_DIR)
        install(TARGETS ${name} LIBRARY DESTINATION ${USHER_PLUGIN_INSTALL_DIR})
    endif()
endfunction()
