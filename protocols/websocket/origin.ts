// Which pages may connect: browsers tell the page's origin and ask no leave (RFC 6455 10.2), so the door must look.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

const foreign = refuse(
  'forbidden', 'pages of this origin may not connect here; its operator can list it in websocket.origins'
)

/** Why a page may not connect. Whatever has no Origin is no page. */
export type JudgeOrigin = (origin: string | undefined, host: string | undefined) => Refusal | undefined

/** `origins` are exact, or `*`; pages of the host that is connected to may always. */
export function createOriginRule (origins: readonly string[]): JudgeOrigin {
  const allowed = new Set(origins.map(origin => origin.toLowerCase()))
  if (allowed.has('*')) return () => undefined
  return (origin, host) => {
    if (origin === undefined || allowed.has(origin.toLowerCase())) return undefined
    return host !== undefined && isSameHost(origin, host) ? undefined : foreign
  }
}

/** The scheme is not compared: it is another one behind whatever ends TLS. */
function isSameHost (origin: string, host: string): boolean {
  const page = URL.parse(origin)
  if (page === null || (page.protocol !== 'http:' && page.protocol !== 'https:')) return false
  return page.host === URL.parse(`${page.protocol}//${host}`)?.host
}
