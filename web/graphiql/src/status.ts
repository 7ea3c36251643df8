import { Store } from "./store";

/** What became of the last operation, in a few words. */
export const status = new Store("");
