#ifndef GAIOS_BASE_BACKGROUND_H_
#define GAIOS_BASE_BACKGROUND_H_

// Work beside a replica's loop must not take the loop's time. A thread, or a child, that the loop starts
// inherits the one cpu it is pinned to and its real-time priority, and would stand in its way there.

namespace gaios::base {

enum class BackgroundPriority { kOrdinary, kLowest };

// The calling thread, or process of one thread, may run on every cpu from now on, as an ordinary one. What
// the system refuses is left as it was.
void GoToBackground(BackgroundPriority priority);

}  // namespace gaios::base

#endif  // GAIOS_BASE_BACKGROUND_H_
