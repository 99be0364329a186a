// Which principal holds how much of a worker's sessions, and whose session ends where they are too many.

import { Heap } from './heap.ts'

/** What a session holds. */
export interface Stake {
  readonly principal: string
  /** Without a connection: it counts, and ends by itself at this time. Infinity: it has one. */
  readonly endsAtMs: number
  readonly bytes: number
}

interface Share<T> {
  readonly name: string
  count: number
  bytes: number
  /** The one that would end next is first; those with a connection are last. */
  readonly members: Heap<Member<T>>
}

interface Member<T> {
  readonly session: T
  readonly share: Share<T>
  endsAtMs: number
  bytes: number
}

function endsSooner (one: { readonly endsAtMs: number }, other: { readonly endsAtMs: number }): boolean {
  return one.endsAtMs < other.endsAtMs
}

/** Of equals, the one with the session that would end next comes first. */
function byMost <T> (held: 'count' | 'bytes'): (one: Share<T>, other: Share<T>) => boolean {
  return (one, other) => {
    if (one[held] !== other[held]) return one[held] > other[held]
    const [first, second] = [one.members.first, other.members.first]
    return first !== undefined && second !== undefined && endsSooner(first, second)
  }
}

/** Nothing here looks at all sessions, or at all principals. */
export class Shares<T> {
  readonly #members = new Map<T, Member<T>>()
  readonly #shares = new Map<string, Share<T>>()
  readonly #most = { count: new Heap<Share<T>>(byMost('count')), bytes: new Heap<Share<T>>(byMost('bytes')) }
  /** Sessions without a connection. */
  count = 0
  bytes = 0

  /** Notes what a session holds now. */
  put (session: T, { principal, endsAtMs, bytes }: Stake): void {
    const member = this.#members.get(session) ?? this.#join(session, principal)
    this.#charge(member, -1)
    member.endsAtMs = endsAtMs
    member.bytes = bytes
    this.#charge(member, 1)
    member.share.members.put(member)
    this.#order(member.share)
  }

  #join (session: T, name: string): Member<T> {
    const share = this.#shares.get(name) ?? { name, count: 0, bytes: 0, members: new Heap<Member<T>>(endsSooner) }
    this.#shares.set(name, share)
    const member = { session, share, endsAtMs: Infinity, bytes: 0 }
    this.#members.set(session, member)
    return member
  }

  #charge ({ share, endsAtMs, bytes }: Member<T>, sign: 1 | -1): void {
    const count = endsAtMs === Infinity ? 0 : sign
    share.count += count
    share.bytes += sign * bytes
    this.count += count
    this.bytes += sign * bytes
  }

  #order (share: Share<T>): void {
    for (const heap of Object.values(this.#most)) heap.put(share)
  }

  delete (session: T): void {
    const member = this.#members.get(session)
    if (member === undefined) return
    const { share } = member
    this.#members.delete(session)
    this.#charge(member, -1)
    share.members.delete(member)
    if (share.members.size > 0) return this.#order(share)
    this.#shares.delete(share.name)
    for (const heap of Object.values(this.#most)) heap.delete(share)
  }

  /** Of the principal that holds most, the session that would end next. */
  next (held: 'count' | 'bytes'): T | undefined { return this.#most[held].first?.members.first?.session }

  sessions (): T[] { return [...this.#members.keys()] }
}
