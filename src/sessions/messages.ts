// What a worker and the node's table of sessions say to each other.

export type ToTable =
  | {
    readonly kind: 'claim', readonly claim: number, readonly name: string, readonly principal: string
    readonly sinceMs: number
  }
  /** The answer to `hand-over`. */
  | { readonly kind: 'handed', readonly claim: number, readonly state: Uint8Array | undefined }
  | { readonly kind: 'release', readonly claim: number }

export type RefusedFor = 'foreign' | 'full' | 'late' | 'overtaken'

export type ToWorker =
  | { readonly kind: 'granted', readonly claim: number, readonly state: Uint8Array | undefined }
  | { readonly kind: 'refused', readonly claim: number, readonly reason: RefusedFor }
  /** Whose claim this was is to hand its session over. */
  | { readonly kind: 'hand-over', readonly claim: number }
  /** The answer to `handed`: it has another owner, or, where nobody waits for it any more, the same as before. */
  | { readonly kind: 'handed-over', readonly claim: number, readonly isTaken: boolean }
