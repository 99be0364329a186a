// By which names the admin listener may be called: a page of another site, whose name resolves to it, is not let in.

import { Problem } from './problem.ts'

const misdirected = new Problem('misdirected',
  'the Host header names neither a loopback address nor one of admin.hosts; call it by such a name or add yours there')

export interface HostRule {
  readonly isLoopback: (host: string) => boolean
  /** The address that the listener is bound to, and the names of the config. */
  readonly known: readonly string[]
}

/** Judges Host headers. A port in them means nothing: another one does not make the name another site's. */
export function createHostCheck ({ isLoopback, known }: HostRule): (host: string | undefined) => Problem | undefined {
  const names = new Set(known.map(name => name.toLowerCase()))
  return host => {
    const name = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec((host ?? '').toLowerCase())
    const plain = name?.[1] ?? name?.[2]?.replace(/\.$/, '') ?? ''
    return isLoopback(plain) || names.has(plain) ? undefined : misdirected
  }
}
