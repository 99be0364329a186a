// What becomes of an exception of somebody who was told something: it is their bug, and not the end of a connection.

/** Lets it come up as an uncaught exception, when what is under way here has ended in good order. */
export function surface (error: unknown): void {
  queueMicrotask(() => { throw error })
}
