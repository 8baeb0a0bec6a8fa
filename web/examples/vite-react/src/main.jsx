// Begins the application: one client for all of it, outside of the components.

import { createPostern } from "@postern/client";
import { PosternProvider } from "@postern/client/react";
import { createRoot } from "react-dom/client";

import { Inbox } from "./Inbox.jsx";

const postern = createPostern({ base: import.meta.env.VITE_POSTERN_API ?? "http://localhost:9000" });

createRoot(document.getElementById("root")).render(
  <PosternProvider postern={postern}>
    <Inbox />
  </PosternProvider>,
);
