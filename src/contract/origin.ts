// Which pages may connect: browsers tell a page's origin and ask no leave (RFC 6455 10.2), so the server must look.

/** Whether a page may connect. Whatever has no Origin is no page. */
export type OriginRule = (origin: string | undefined, host: string | undefined) => boolean

/** `origins` are exact, or `*`; pages of the host that is connected to may always. */
export function createOriginRule (origins: readonly string[]): OriginRule {
  const allowed = new Set(origins.map(origin => origin.toLowerCase()))
  if (allowed.has('*')) return () => true
  return (origin, host) => origin === undefined || allowed.has(origin.toLowerCase()) ||
    (host !== undefined && isSameHost(origin, host))
}

/** The scheme is not compared: it is another one behind whatever ends TLS. */
function isSameHost (origin: string, host: string): boolean {
  const page = URL.parse(origin)
  if (page === null || (page.protocol !== 'http:' && page.protocol !== 'https:')) return false
  return page.host === URL.parse(`${page.protocol}//${host}`)?.host
}
