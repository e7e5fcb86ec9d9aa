# llhttp, for tests only: a second opinion on what weir's own parser of heads accepts. A library where
# the distribution has one (libllhttp-dev), else built from the sources of Debian 12's node-llhttp.
# Where there is neither, llhttp_oracle is empty and WEIR_HAVE_LLHTTP is not defined.
include_guard(GLOBAL)

add_library(llhttp_oracle INTERFACE)
find_path(LLHTTP_SYSTEM_INCLUDE llhttp.h)
find_library(LLHTTP_SYSTEM_LIBRARY llhttp)
find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
find_path(LLHTTP_SOURCES_INCLUDE llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)

if(LLHTTP_SYSTEM_INCLUDE AND LLHTTP_SYSTEM_LIBRARY)
  target_include_directories(llhttp_oracle SYSTEM INTERFACE ${LLHTTP_SYSTEM_INCLUDE})
  target_link_libraries(llhttp_oracle INTERFACE ${LLHTTP_SYSTEM_LIBRARY})
elseif(LLHTTP_SOURCES AND LLHTTP_SOURCES_INCLUDE)
  add_library(llhttp_sources STATIC EXCLUDE_FROM_ALL
              ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c ${LLHTTP_SOURCES}/llhttp.c)
  target_include_directories(llhttp_sources SYSTEM PUBLIC ${LLHTTP_SOURCES_INCLUDE})
  target_compile_definitions(llhttp_sources PUBLIC LLHTTP_STRICT_MODE=1)
  target_compile_options(llhttp_sources PRIVATE -w -O1)
  target_link_libraries(llhttp_oracle INTERFACE llhttp_sources)
else()
  return()
endif()
target_compile_definitions(llhttp_oracle INTERFACE WEIR_HAVE_LLHTTP=1)
