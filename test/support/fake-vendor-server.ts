import {
  type FakeVendorServer,
  type FakeVendorServerOptions,
  startFakeVendors,
  type VendorFault,
  type VendorRequest,
} from '../../infra/local/fake-vendors/server.ts';
import type { FakeUser } from '../../infra/local/fake-vendors/vendor.ts';
import { inventUsers } from '../../infra/local/fake-vendors/world.ts';

export type { FakeVendorServer, VendorFault, VendorRequest };

export interface TestVendorsOptions extends Pick<FakeVendorServerOptions, 'vendors' | 'keysOf' | 'now'> {
  /** So many invented people, or these. Whoever `personOf` invents is known by id besides. @default 0 */
  readonly users?: number | readonly FakeUser[];
}

/** The fake vendors on a free port of 127.0.0.1, for one test. Close it after. */
export const startFakeVendorServer = ({ users = 0, ...options }: TestVendorsOptions): Promise<FakeVendorServer> =>
  startFakeVendors({
    ...options,
    users: typeof users === 'number' ? inventUsers(users, options.now?.() ?? new Date()) : users,
  });
