// Connections that the system dropped because a listener's queue was full, of the whole machine, where it counts them.

import { readFileSync } from 'node:fs'

/** Of a `/proc/net/netstat` text: names and values are lines of the same beginning. 0 where it does not say. */
export function overflowsOf (netstat: string): number {
  const lines = netstat.split('\n').filter(line => line.startsWith('TcpExt:'))
  const [names = [], values = []] = lines.map(line => line.split(' '))
  return Number(values[names.indexOf('ListenOverflows')] ?? 0)
}

export function overflowCount (): number {
  try {
    return overflowsOf(readFileSync('/proc/net/netstat', 'latin1'))
  } catch {
    return 0
  }
}
