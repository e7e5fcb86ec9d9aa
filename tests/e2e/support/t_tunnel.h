/* What promises about tunnels begin with: a scene whose server has switched protocols. */
#ifndef WEIR_E2E_T_TUNNEL_H
#define WEIR_E2E_T_TUNNEL_H

#include "t_scene.h"

#define T_VIA "Via: 1.1 weir\r\n"
#define T_SWITCH_TO(protocol) "Connection: upgrade\r\nUpgrade: " protocol "\r\n"
#define T_UPGRADE_HEAD "GET /chat HTTP/1.1\r\nHost: h\r\n"
#define T_UPGRADE T_UPGRADE_HEAD T_SWITCH_TO("websocket") "\r\n"
#define T_UPGRADE_FORWARDED T_UPGRADE_HEAD T_SWITCH_TO("websocket") T_VIA "\r\n"
#define T_101 "HTTP/1.1 101 Switching Protocols\r\n"
#define T_SWITCHED T_101 T_SWITCH_TO("websocket") "\r\n"
#define T_SWITCHED_FORWARDED T_101 T_SWITCH_TO("websocket") T_VIA "\r\n"

/* On the scene's connections, or on new ones where there are none. */
void t_tunnel_open(struct t_scene *scene);
#define t_tunnel_open(...) T_AT((t_tunnel_open)(__VA_ARGS__))

/* TEXT from one side to the other. */
void t_tunnel_up(struct t_scene *scene, const char *text);
void t_tunnel_down(struct t_scene *scene, const char *text);
#define t_tunnel_up(...) T_AT((t_tunnel_up)(__VA_ARGS__))
#define t_tunnel_down(...) T_AT((t_tunnel_down)(__VA_ARGS__))

#endif
