// Which principal holds how much of a worker's sessions, and whose session ends where they are too many.

import { Heap } from './heap.ts'

/** What a session holds. */
export interface Stake {
  readonly principal: string
  /** Without a connection: it counts, and ends by itself at this time. Infinity: it has one. */
  readonly endsAtMs: number
  readonly bytes: number
}

type Held = 'count' | 'bytes'

interface Share<T> {
  readonly name: string
  membersCount: number
  count: number
  bytes: number
  /** Those that count, and those that hold bytes. The one that would end next is first, one with a connection last. */
  readonly members: Readonly<Record<Held, Heap<Member<T>>>>
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
function byMost <T> (held: Held): (one: Share<T>, other: Share<T>) => boolean {
  return (one, other) => {
    if (one[held] !== other[held]) return one[held] > other[held]
    const [first, second] = [one.members[held].first, other.members[held].first]
    return first !== undefined && second !== undefined && endsSooner(first, second)
  }
}

function createShare <T> (name: string): Share<T> {
  const members = { count: new Heap<Member<T>>(endsSooner), bytes: new Heap<Member<T>>(endsSooner) }
  return { name, membersCount: 0, count: 0, bytes: 0, members }
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
    const { members } = member.share
    if (endsAtMs === Infinity) members.count.delete(member)
    else members.count.put(member)
    if (bytes === 0) members.bytes.delete(member)
    else members.bytes.put(member)
    this.#order(member.share)
  }

  #join (session: T, name: string): Member<T> {
    const share = this.#shares.get(name) ?? createShare<T>(name)
    share.membersCount += 1
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
    for (const heap of Object.values(share.members)) heap.delete(member)
    share.membersCount -= 1
    if (share.membersCount > 0) return this.#order(share)
    this.#shares.delete(share.name)
    for (const heap of Object.values(this.#most)) heap.delete(share)
  }

  /** Of the principal that holds most, the session that would end next. */
  next (held: Held): T | undefined { return this.#most[held].first?.members[held].first?.session }

  sessions (): T[] { return [...this.#members.keys()] }
}
