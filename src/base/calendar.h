#pragma once
/*
 * The proleptic Gregorian calendar, by computation: the C library's gmtime and timegm differ
 * between systems in name, range and what they do to a date that is none. Any thread.
 */
#include <stdint.h>

/* A day of the calendar. */
struct wm_date {
	int64_t year; /* 0 is the year before 1 */
	int month;    /* 1..12 */
	int day;      /* 1..31 */
};

/* Days since 1970-01-01 (negative before it); @d must be a day that exists. */
int64_t wm_date_to_days(const struct wm_date *d);
/* The reverse; @days within a hundred million years of 1970. */
struct wm_date wm_date_from_days(int64_t days);
/* How many days @month (1..12) of @year has. */
int wm_month_days(int64_t year, int month);
