/**
 * http-server, at length: a load of 20,000 requests. For `npm run test:long`; the short one is http-server.test.ts.
 */
import { loadSuite } from '../fixtures/http-loaded.ts'

const PERIODS = 10

describe('examples/http-server at length', () => loadSuite(PERIODS))
