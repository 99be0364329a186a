// What a connection asks of the subprotocol that is spoken on it.

import type { RefusalCode } from '../../src/contract/outcome.ts'

export interface Message { readonly data: Buffer, readonly isBinary: boolean, readonly at: number }

/** What one subprotocol makes of messages. */
export interface Dialogue<Session> {
  /** The first thing that is told, if anything. */
  hello (session: Session): string | undefined
  /** Takes a message from byte `at` on; gives the byte to go on at where not all of it may be taken now, else -1. */
  take (session: Session, message: Message): number
  /** How a connection ends whose event is refused for this, where it does. */
  closeCodeOf (code: RefusalCode): number | undefined
}
