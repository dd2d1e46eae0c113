# The web console: built by Vite in a copy below the build folder, so that the source stays clean, then compiled in.
# Sets USHER_CONSOLE_SOURCE to the C++ file that holds it. Included by daemon/CMakeLists.txt.
# Packages are built without a network: packaging/prepare-source has built it into USHER_CONSOLE_BUILT before.
set(USHER_CONSOLE_BUILT "" CACHE PATH "Folder of a console that is built already (packaging/prepare-source)")
set(console_out ${CMAKE_CURRENT_BINARY_DIR}/console)
if(USHER_CONSOLE_BUILT)
    set(console_out ${USHER_CONSOLE_BUILT})
endif()
set(USHER_CONSOLE_SOURCE ${console_out}/ConsoleAssets.cpp)
set_source_files_properties(${USHER_CONSOLE_SOURCE} PROPERTIES COMPILE_OPTIONS -Wa,-I,${console_out})
if(USHER_CONSOLE_BUILT)
    file(GLOB_RECURSE console_built ${console_out}/dist/* ${console_out}/forms/*)
    set_source_files_properties(${USHER_CONSOLE_SOURCE} PROPERTIES OBJECT_DEPENDS "${console_built}")
    return()
endif()

if(NOT USHER_CONSOLE)
    file(CONFIGURE OUTPUT ${USHER_CONSOLE_SOURCE} @ONLY CONTENT
        "#include \"http/StaticAsset.h\"\nnamespace usher {\nstd::span<const StaticAsset> consoleAssets() { return {}; }\n}\n")
    return()
endif()

find_program(NODE_PROGRAM NAMES node nodejs)
find_program(NPM_PROGRAM npm)
if(NODE_PROGRAM)
    execute_process(COMMAND ${NODE_PROGRAM} --version OUTPUT_VARIABLE node_version OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX REPLACE "^v" "" node_version "${node_version}")
endif()
if(NOT NODE_PROGRAM OR NOT NPM_PROGRAM OR node_version VERSION_LESS 18)
    message(FATAL_ERROR "The web console is built with Node.js 18 or later and npm, and they are not here "
        "(node: ${NODE_PROGRAM} ${node_version}, npm: ${NPM_PROGRAM}). Install them (packaging/install-deps --build), "
        "or build usherd without the console: cmake -DUSHER_CONSOLE=OFF …")
endif()

set(console_copy ${console_out}/source)
set(console_packages package.json package-lock.json .npmrc)
set(console_files index.html docs.html tsconfig.json vite.config.ts embed.mjs)
file(GLOB_RECURSE console_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/console
    ${CMAKE_CURRENT_SOURCE_DIR}/console/src/* ${CMAKE_CURRENT_SOURCE_DIR}/console/public/*)

# Absolute names of what the copy is made from, and the commands that make it.
function(console_copying result_inputs result_commands)
    set(inputs)
    set(commands)
    foreach(name IN LISTS ARGN)
        list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/console/${name})
        get_filename_component(folder ${name} DIRECTORY)
        list(APPEND commands COMMAND ${CMAKE_COMMAND} -E copy_if_different
            ${CMAKE_CURRENT_SOURCE_DIR}/console/${name} ${console_copy}/${name})
    endforeach()
    set(${result_inputs} ${inputs} PARENT_SCOPE)
    set(${result_commands} ${commands} PARENT_SCOPE)
endfunction()

console_copying(package_inputs package_copies ${console_packages})
console_copying(source_inputs source_copies ${console_files})

# Exactly what the lock file names, and none of it runs a program of its own (.npmrc).
add_custom_command(OUTPUT ${console_out}/packages.stamp
    COMMAND ${CMAKE_COMMAND} -E make_directory ${console_copy}
    ${package_copies}
    COMMAND ${CMAKE_COMMAND} -E chdir ${console_copy} ${NPM_PROGRAM} ci --no-audit --no-fund --loglevel=error
    COMMAND ${CMAKE_COMMAND} -E touch ${console_out}/packages.stamp
    DEPENDS ${package_inputs}
    COMMENT "Console: npm ci (without a network: configure with -DUSHER_CONSOLE=OFF)" VERBATIM)

list(TRANSFORM console_sources PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/console/ OUTPUT_VARIABLE tree_inputs)
add_custom_command(OUTPUT ${USHER_CONSOLE_SOURCE}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${console_copy}/src ${console_copy}/public ${console_copy}/dist
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_CURRENT_SOURCE_DIR}/console/src ${console_copy}/src
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_CURRENT_SOURCE_DIR}/console/public ${console_copy}/public
    ${source_copies}
    COMMAND ${CMAKE_COMMAND} -E chdir ${console_copy} ${NPM_PROGRAM} run --silent build
    COMMAND ${NODE_PROGRAM} ${console_copy}/embed.mjs ${console_copy}/dist ${console_out}/forms ${USHER_CONSOLE_SOURCE}
    DEPENDS ${console_out}/packages.stamp ${source_inputs} ${tree_inputs}
    COMMENT "Console: vite build" VERBATIM)
