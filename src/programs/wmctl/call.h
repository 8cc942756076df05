#pragma once
/*
 * One question to the server: loads the target, connects, asks, waits. A failure leaves advice in
 * the notes. Blocks; one thread.
 */
#include "pb/message.h"
#include "programs/wmctl/command.h"

/* @method is a path of the API; *@out lives in the command's arena. */
int wm_ctl_call(struct wm_ctl *ctl, const char *method, const ProtobufCMessage *request,
		ProtobufCMessage **out, struct wm_err *err) WM_MUST_CHECK;
