#pragma once

/// Standard output that nobody gets is a failed run, whatever the command.
namespace gradepth {

/// To be called first in main. Writing to a pipe that was closed becomes an error that can be told,
/// not a signal that kills; and where standard input, output or error is closed, no file that is
/// opened later takes its place and the writing that was meant for it.
void prepare_standard_streams();

/// std::runtime_error, in one line, unless all that was written to standard output so far arrived.
void flush_standard_output();

}  // namespace gradepth
