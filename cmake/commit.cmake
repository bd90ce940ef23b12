# Writes `file`: the commit of `source`, with "-dirty" if files in git differ from it; "unknown" where
# `source` is not itself a git checkout. cmake -D source=… -D file=… -P commit.cmake
function(git result)
  execute_process(COMMAND git -C ${source} -c safe.directory=${source} ${ARGN}
                  OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    set(text "")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

git(top rev-parse --show-toplevel)
get_filename_component(here ${source} REALPATH)
set(commit "")
if(top STREQUAL here) # else the commit is of a repository that this folder only lies in
  git(commit describe --always --dirty --abbrev=40 --exclude=*)
endif()
if(commit STREQUAL "")
  set(commit unknown)
endif()
set(text "namespace gradepth {\nextern const char* const build_commit;\nconst char* const build_commit = \"${commit}\";\n}  // namespace gradepth\n")
set(before "")
if(EXISTS ${file})
  file(READ ${file} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${file} "${text}")
endif()
