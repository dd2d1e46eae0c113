# usher_add_plugin(NAME SOURCES...): a plugin as the host wants it: hidden symbols but the entry, all symbols resolved
# at link and at load, no unique symbols (they would keep old code mapped after an upgrade).
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
    target_link_options(${name} PRIVATE -Wl,-z,now -Wl,-z,relro -Wl,--version-script=${USHER_PLUGIN_VERSION_SCRIPT})
    target_link_libraries(${name} PRIVATE usher_plugin_api)
endfunction()
set(USHER_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/plugin.map CACHE INTERNAL "")
