// The sessions of one worker: claims them from the node's table, and hands them over when it asks.

import type { MessagePort } from 'node:worker_threads'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { nodeNowMs, sessionStateBytesMax } from '../contract/session.ts'
import type { ClaimSession, Session, SessionOwner } from '../contract/session.ts'
import type { RefusedFor, ToTable, ToWorker } from './messages.ts'

const refusals: Readonly<Record<RefusedFor, Refusal>> = {
  foreign: refuse('forbidden', 'this client id belongs to another principal; choose another one'),
  full: refuse('overloaded', 'as many sessions are open as this node may have; come back later', { retryAfterMs: 5_000 }),
  late: refuse('overloaded', 'the connection that has this session does not end; come back later', { retryAfterMs: 2_000 }),
  overtaken: refuse('overloaded', 'another connection has claimed this session since; use one client id per client')
}

interface Waiting {
  readonly owner: SessionOwner
  readonly resolve: (answer: Session | Refusal) => void
}

/** Tells the node's table through `port`. A claim that it never answers stays open as long as the worker lives. */
export function createClaims (port: MessagePort): ClaimSession {
  const waiting = new Map<number, Waiting>()
  const owners = new Map<number, SessionOwner>()
  /** Those that were asked to hand over, until they know what became of it. */
  const leaving = new Map<number, SessionOwner>()
  let lastClaim = 0
  const tell = (message: ToTable): void => { port.postMessage(message) }

  function granted (claim: number, state: Uint8Array | undefined): void {
    const found = waiting.get(claim)
    if (found === undefined) return
    waiting.delete(claim)
    owners.set(claim, found.owner)
    found.resolve({ state, release: () => { if (owners.delete(claim)) tell({ kind: 'release', claim }) } })
  }

  async function handOver (claim: number): Promise<void> {
    const owner = owners.get(claim)
    // Released, and the word of it is on its way.
    if (owner === undefined) return
    owners.delete(claim)
    leaving.set(claim, owner)
    let state: Uint8Array | undefined
    try {
      state = await owner.handOver()
    } finally {
      tell({ kind: 'handed', claim, state: state !== undefined && state.length > sessionStateBytesMax ? undefined : state })
    }
  }

  function handedOver (claim: number, isTaken: boolean): void {
    const owner = leaving.get(claim)
    if (owner === undefined) return
    leaving.delete(claim)
    if (!isTaken) owners.set(claim, owner)
    owner.handedOver(isTaken)
  }

  port.on('message', (message: ToWorker) => {
    const { claim } = message
    if (message.kind === 'granted') return granted(claim, message.state)
    if (message.kind === 'hand-over') return void handOver(claim)
    if (message.kind === 'handed-over') return handedOver(claim, message.isTaken)
    waiting.get(claim)?.resolve(refusals[message.reason])
    waiting.delete(claim)
  })
  // Listening must not keep a worker alive that has drained.
  port.unref()

  return (name, principal, owner, sinceMs = nodeNowMs()) => new Promise(resolve => {
    const claim = ++lastClaim
    waiting.set(claim, { owner, resolve })
    tell({ kind: 'claim', claim, name, principal, sinceMs })
  })
}
