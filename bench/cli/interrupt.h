#pragma once

namespace gradepth {

/// From here on Ctrl-C is only noted, so that a long run can stop where nothing is lost; a second
/// one ends the program at once.
void note_interrupts();

/// Whether Ctrl-C was pressed since note_interrupts().
bool interrupted();

}  // namespace gradepth
