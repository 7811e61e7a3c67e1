import { memoryCache } from "../../src/cache/drivers/memory.ts";
import { keepsTheContract } from "./contract.ts";

const shared = memoryCache();

keepsTheContract({ open: async () => ({ ...shared, close: async () => undefined }) });
