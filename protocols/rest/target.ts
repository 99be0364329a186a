// What stands under a path: its operations by method. Built once; requests only look it up.

import type { ChannelOf } from './alias.ts'
import type { Problem } from './reply.ts'

/** Publishing, or reading a document of this door. */
export type Operation =
  | { readonly kind: 'publish', readonly channelOf: ChannelOf, readonly kong: boolean }
  | { readonly kind: 'document', readonly text: () => string }

export interface Target {
  readonly operations: ReadonlyMap<string, Operation>
  /** The value of `Allow`. */
  readonly allow: string
  /** What every authenticated request here is told, where nothing is served. */
  readonly problem: Problem | undefined
}

export function targetOf (operations: ReadonlyMap<string, Operation>): Target {
  return { operations, allow: [...operations.keys(), 'OPTIONS'].sort().join(', '), problem: undefined }
}

export function deadEnd (problem: Problem): Target {
  return { operations: new Map(), allow: '', problem }
}
