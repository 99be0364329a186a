// What the sender of one request shows to prove who it is: headers, query arguments and, where asked for, the body.

import type { IncomingMessage } from 'node:http'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { RequestAttributes } from './attributes.ts'
import type { Intake } from './body.ts'
import { EarlyBody } from './early-body.ts'
import type { Replay, Unproven } from './early-body.ts'

export class RequestCredentials implements Credentials {
  readonly attributes: RequestAttributes
  readonly #request: Unproven
  #query: URLSearchParams | undefined
  #early: EarlyBody | undefined

  constructor (request: Unproven, message: IncomingMessage) {
    this.#request = request
    this.attributes = new RequestAttributes(message)
  }

  /** The query argument of that name; several are joined as repeated headers are, and so are no credential. */
  argument (name: string): string | undefined {
    if (this.#query === undefined) {
      const path = this.attributes.get(':path') ?? ''
      const mark = path.indexOf('?')
      this.#query = new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1))
    }
    const values = this.#query.getAll(name)
    return values.length === 0 ? undefined : values.join(', ')
  }

  /** The same promise however often it is asked for; the first to ask says how much may be read. */
  body (bytesMax: number): Promise<Buffer | Refusal> {
    this.#early ??= new EarlyBody(this.#request, bytesMax).start()
    return this.#early.result
  }

  /** Plays what was read to find out who sends; undefined where nothing was. */
  play (intake: Intake): Replay | undefined { return this.#early?.play(intake) }

  /** Why the body cannot be passed on, where a part of it was read and is gone. */
  get spoiled (): Refusal | undefined { return this.#early?.spoiled }

  /** The request is over: what is held of its body goes back. */
  drop (): void { this.#early?.drop() }
}
